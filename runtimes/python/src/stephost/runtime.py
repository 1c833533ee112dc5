"""The parts of the runtime and how they are joined: everything between the descriptors and the handlers."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from . import fork_guard, step_stream
from .crew import Crew
from .event_code import EventCode
from .executor import Executor
from .handler_directory import HandlerDirectory
from .heartbeat import Heartbeat
from .loader import Loader
from .log_sink import LogSink
from .outbox import Outbox
from .session import EXIT_DONE, Session
from .version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from .descriptors import Descriptors
    from .messages import Message
    from .options import Options

PROTOCOL = 2


class Runtime:
    """`watched` goes to `hello`; `on_fault` takes an exception of the runtime itself and does not return."""

    def __init__(
        self, options: Options, descriptors: Descriptors, watched: bool, on_fault: Callable[[BaseException], None]
    ) -> None:
        self._options = options
        self._descriptors = descriptors
        self._watched = watched
        self._on_fault = on_fault
        self._outbox = Outbox(descriptors.wire, options.frame_bytes_max)
        self._log_sink = LogSink(self._outbox, options.log_lines_per_second)
        LogSink.current = self._log_sink

    def serve(self) -> NoReturn:
        """Loads the handlers, says hello, and serves until the host is gone or done; then the process ends."""
        self._guard_output()
        loader = Loader(self._options.ignore).load(self._options.handlers)
        # A handler that logs has imported it; the import alone costs a fifth of the start.
        if "logging" in sys.modules:
            _capture_logging()
        directory = HandlerDirectory(loader.handlers)
        event_code = EventCode(loader.event_places)
        crew = self._crew(directory, event_code)
        hello = self._hello(directory, loader.load_failures + directory.load_failures)
        self._outbox.send(hello | event_code.announcement())
        crew.start()
        # Signals are for the main thread, so it does nothing else.
        while True:
            signal.pause()

    def _guard_output(self) -> None:
        step_stream.install()

        def in_child() -> None:
            LogSink.current = None
            self._descriptors.close()

        fork_guard.install(in_child)

    def _crew(self, directory: HandlerDirectory, event_code: EventCode) -> Crew:
        options = self._options
        executor = Executor(
            directory,
            self._outbox,
            self._log_sink,
            threads=options.threads,
            max_in_flight=options.max_in_flight,
            on_fault=self._on_fault,
            on_drained=lambda: self._end(EXIT_DONE),
            event_code=event_code,
        )
        heartbeat = Heartbeat(executor, self._outbox, self._log_sink)
        session = Session(self._descriptors.wire, self._outbox, executor, heartbeat, options.frame_bytes_max)
        return Crew(
            session.turn,
            executor,
            self._outbox,
            threads=options.threads,
            on_end=self._end,
            on_fault=self._on_fault,
        )

    def _hello(self, directory: HandlerDirectory, load_failures: list[dict[str, str]]) -> Message:
        return {
            "type": "hello",
            "protocol": PROTOCOL,
            "runtime": "python",
            "sdk_version": VERSION,
            "language_version": ".".join(str(part) for part in sys.version_info[:3]),
            "pid": os.getpid(),
            "watch": self._watched,
            "max_in_flight": self._options.max_in_flight,
            "handlers": [handler.announcement() for handler in directory.handlers],
            "load_failures": load_failures,
            "resolvers": directory.resolvers,
        }

    def _end(self, code: int) -> None:
        """What is finished leaves before the process ends; a host that is gone takes nothing any more."""
        self._outbox.flush()
        sys.stdout.flush()
        os._exit(code)


def _capture_logging() -> None:
    from . import step_logger

    step_logger.capture_logging()
