"""The calls that the guest holds: never more than the host was told, each announced before it runs, one result each."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from . import fork_guard
from .async_loop import AsyncLoop
from .call import Call
from .protocol_violation import ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from .event_code import EventCode
    from .handler_directory import HandlerDirectory
    from .log_sink import LogSink
    from .messages import Message
    from .outbox import Outbox
    from .wire_result import Entry


class Executor:
    """`admit` takes the calls of one read, `dispatch` announces them.

    `_waiting` holds calls beyond `threads`; `_ready` those that are announced as started, for the crew to run.
    Calls of `async def` handlers run as tasks of the loop and need no thread.
    `on_fault` takes an exception of the runtime itself; `on_drained` is called when all is finished after `drain`.
    """

    def __init__(
        self,
        directory: HandlerDirectory,
        outbox: Outbox,
        log_sink: LogSink,
        *,
        threads: int,
        max_in_flight: int,
        on_fault: Callable[[BaseException], None],
        on_drained: Callable[[], None],
        event_code: EventCode | None = None,
    ) -> None:
        self._directory = directory
        self._event_code = event_code
        self._outbox = outbox
        self._log_sink = log_sink
        self._max_in_flight = max_in_flight
        self._on_fault = on_fault
        self._on_drained = on_drained
        self._loop = AsyncLoop()
        self._threads = threads
        self._free = threads
        self._calls: dict[str, Call] = {}
        self._admitted: list[Call] = []
        self._waiting: list[Call] = []
        self._ready: deque[Call] = deque()
        self._draining = False
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    @property
    def running(self) -> int:
        """Calls that a thread of the crew runs now."""
        return self._threads - self._free - len(self._ready)

    @property
    def is_ready(self) -> bool:
        """Whether calls wait for the crew."""
        return bool(self._ready)

    @property
    def drained(self) -> bool:
        return self._draining and not self._calls

    def admit(self, message: Message) -> None:
        """Raises ProtocolViolation: more than `max_in_flight`, an id that is running, or a call after `drain`."""
        call = Call(message, self._directory, self._outbox, self._loop, self._event_code)
        with self._lock:
            if self._draining:
                raise ProtocolViolation("unexpected_message", "A call came after `reload`.")
            if call.id in self._calls:
                raise ProtocolViolation("unexpected_message", f"The call `{call.id}` is running already.")
            if len(self._calls) >= self._max_in_flight:
                raise ProtocolViolation("unexpected_message", f"More than {self._max_in_flight} calls are in flight.")
            self._calls[call.id] = call
        self._admitted.append(call)

    def dispatch(self) -> None:
        """Tells the host which of the admitted calls start and which wait; those that start are then ready."""
        if not self._admitted:
            return
        admitted, self._admitted = self._admitted, []
        tasks = [call for call in admitted if call.is_async]
        threaded = [call for call in admitted if not call.is_async] if tasks else admitted
        starting = self._take_free(threaded)
        if threaded:
            self._outbox.send({"type": "accepted", "call_ids": [call.id for call in threaded]})
        self._announce(tasks + starting)
        if tasks:
            self._loop.begin([self._task(call) for call in tasks])
        self._ready += starting
        if threaded:
            with self._lock:
                self._waiting += threaded
            # Threads that became free meanwhile saw nobody waiting.
            late = self._take_free(self._waiting)
            self._announce(late)
            self._ready += late

    def cancel(self, call_id: str, reason: str) -> None:
        """Unknown and finished ids are ignored. A call that waits for a thread is given back at once."""
        with self._lock:
            call = self._calls.get(call_id)
            if call is None:
                return
            waits = call in self._waiting
            if waits:
                self._waiting.remove(call)
                del self._calls[call_id]
        call.cancellation.cancel(reason)
        if waits:
            self._outbox.add_result(call_id, call.cancelled())
            self._outbox.flush()
            self._end_if_drained()

    def settle_checkpoint(self, message: Message) -> None:
        call = self._calls.get(message["call_id"])
        if call is not None:
            call.checkpoints.settle(message)

    def next_ready(self) -> Call | None:
        try:
            return self._ready.popleft()
        except IndexError:
            # Another thread was faster.
            return None

    def run(self, call: Call) -> None:
        """Runs it in this thread."""
        # What is finished must not wait for what now begins.
        self._outbox.alarm()
        self._finish(call, call.run(self._log_sink))

    def drain(self) -> None:
        """No call comes any more; `on_drained` is called when the last one is finished."""
        self._draining = True

    def _take_free(self, calls: list[Call]) -> list[Call]:
        """Moves as many calls out of the list as there are free threads."""
        with self._lock:
            taken = calls[: self._free]
            del calls[: len(taken)]
            self._free -= len(taken)
        return taken

    def _announce(self, calls: list[Call]) -> None:
        """`started` is written before any code of the author runs: a host that finds a dead guest knows which began."""
        if calls:
            self._outbox.send({"type": "started", "call_ids": [call.id for call in calls]})

    async def _task(self, call: Call) -> None:
        try:
            entries = await call.run_async(self._log_sink)
            if fork_guard.is_child():
                fork_guard.leave()
            with self._lock:
                del self._calls[call.id]
            self._outbox.add_result(call.id, entries)
            self._outbox.alarm()
            self._end_if_drained()
        except BaseException as error:
            self._on_fault(error)

    def _finish(self, call: Call, entries: list[Entry]) -> None:
        """The slot is free before the host can know it, so the next call always finds it."""
        if fork_guard.is_child():
            fork_guard.leave()
        with self._lock:
            del self._calls[call.id]
            following = self._waiting.pop(0) if self._waiting else None
            if following is None:
                self._free += 1
        self._outbox.add_result(call.id, entries)
        if following is not None:
            self._announce([following])
            self._ready.append(following)
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self.drained:
            self._on_drained()
