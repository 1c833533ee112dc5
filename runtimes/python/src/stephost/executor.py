"""Runs calls in at most `max_in_flight` threads and gives exactly one result for each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from .async_loop import AsyncLoop
from .cancellation import Cancellation
from .protocol_violation import ProtocolViolation
from .step_run import StepRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from .handler_directory import HandlerDirectory
    from .messages import Message
    from .wire_result import Entry


class Executor:
    """`on_result` takes call_id and entries, from any thread; `on_fault` an exception of the runtime itself."""

    def __init__(
        self,
        directory: HandlerDirectory,
        max_in_flight: int,
        on_result: Callable[[str, list[Entry]], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._directory = directory
        self._max_in_flight = max_in_flight
        self._on_result = on_result
        self._on_fault = on_fault
        self._loop = AsyncLoop()
        self._calls: dict[str, Cancellation] = {}
        self._queue: queue.SimpleQueue[tuple[Message, Cancellation]] = queue.SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()

    def execute(self, message: Message) -> None:
        """Raises ProtocolViolation for a call more than `max_in_flight` and for an id that is running."""
        cancellation = Cancellation()
        with self._lock:
            self._admit(message["call_id"], cancellation)
            # One thread for each call in flight is enough, and idle ones wait for the next.
            grow = self._threads < len(self._calls)
            self._threads += grow
        if grow:
            threading.Thread(target=self._serve, name="stephost-handler", daemon=True).start()
        self._queue.put((message, cancellation))

    def cancel(self, call_id: str, reason: str) -> None:
        """Unknown and finished ids are ignored."""
        with self._lock:
            cancellation = self._calls.get(call_id)
        if cancellation is not None:
            cancellation.cancel(reason)

    def _admit(self, call_id: str, cancellation: Cancellation) -> None:
        if call_id in self._calls:
            raise ProtocolViolation("unexpected_message", f"The call `{call_id}` is running already.")
        if len(self._calls) >= self._max_in_flight:
            raise ProtocolViolation("unexpected_message", f"More than {self._max_in_flight} calls are in flight.")
        self._calls[call_id] = cancellation

    def _serve(self) -> None:
        try:
            while True:
                self._run(*self._queue.get())
        except BaseException as error:
            self._on_fault(error)

    def _run(self, message: dict[str, Any], cancellation: Cancellation) -> None:
        step_run = StepRun(self._directory, self._loop, message, cancellation)
        entries = [step_run.entry(request) for request in message["requests"]]
        # The slot is free before the host can know it, so the next call always finds it.
        with self._lock:
            del self._calls[message["call_id"]]
        self._on_result(message["call_id"], entries)
