"""The process: takes the wire, loads the handlers, says hello, and serves until the host is gone."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from . import stdio
from .executor import Executor
from .handler_directory import HandlerDirectory
from .loader import Loader
from .options import USAGE, InvalidOptions, Options
from .outbox import Outbox
from .session import EXIT_FAULT, Session
from .version import VERSION

if TYPE_CHECKING:
    from .messages import Message

PROTOCOL = 1
EXIT_USAGE = 2


def run(arguments: list[str]) -> NoReturn:
    """`os._exit` everywhere: nothing that handlers registered may delay the end."""
    try:
        options = Options(arguments)
    except InvalidOptions as error:
        print(f"stephost: {error}\n{USAGE}", file=sys.stderr, flush=True)
        os._exit(EXIT_USAGE)
    try:
        wire = stdio.take_over()
        _settle_process()
        code = _serve(options, wire)
        sys.stdout.flush()
        os._exit(code)
    except BaseException as error:
        _fail_with(error)


def _serve(options: Options, wire: stdio.Wire) -> int:
    outbox = Outbox(wire.output, options.frame_bytes_max)
    loader = Loader().load(options.handlers)
    directory = HandlerDirectory(loader.handlers)
    executor = Executor(directory, options.max_in_flight, outbox.send_result, _fail_with)
    session = Session(wire.input, outbox, executor, options.frame_bytes_max)
    outbox.send(_hello(options, directory, loader.load_failures + directory.load_failures))
    return session.run()


def _hello(options: Options, directory: HandlerDirectory, load_failures: list[dict[str, str]]) -> Message:
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "runtime": "python",
        "sdk_version": VERSION,
        "language_version": ".".join(str(part) for part in sys.version_info[:3]),
        "pid": os.getpid(),
        "max_in_flight": options.max_in_flight,
        "handlers": [handler.announcement() for handler in directory.handlers],
        "load_failures": load_failures,
    }


def _settle_process() -> None:
    # Ctrl-C reaches the whole process group, but only the host decides when work ends. Children keep their default.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    # `python -m` puts the working directory first; there its files would hide libraries of the same name.
    if sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
        sys.path.append(sys.path.pop(0))


def _fail_with(error: BaseException) -> NoReturn:
    import traceback

    print("stephost: the Python runtime broke:", *traceback.format_exception(error), file=sys.stderr, flush=True)
    os._exit(EXIT_FAULT)
