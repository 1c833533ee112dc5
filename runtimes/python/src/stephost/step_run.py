"""One request → one entry: runs the handler, times it, and turns whatever it did into a result."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from . import fork_guard, handler_mistake, wire_result
from .line_buffer import LineBuffer
from .step_context import StepContext
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .target import Target
    from .wire_result import Entry

NS_PER_MS = 1_000_000

_current: ContextVar[StepRun | None] = ContextVar("stephost_step_run", default=None)
_printing = threading.Lock()


def current() -> StepRun | None:
    """The run that the code of this thread or task belongs to; None when it has ended."""
    run = _current.get()
    return run if run is not None and run.running else None


class StepRun:
    """`request` is a request of the wire, `call` the one that brought it."""

    __slots__ = ("_call", "_prints", "_request", "running", "step_uuid")

    def __init__(self, call: Call, request: dict[str, Any]) -> None:
        self._call = call
        self._request = request
        self._prints: dict[str, LineBuffer] | None = None
        self.running = True
        self.step_uuid: str = request["step_uuid"]

    def printed(self, stream: str, text: str) -> list[str]:
        """Takes what the step printed to a stream; gives the lines that are whole."""
        with _printing:
            if self._prints is None:
                self._prints = {}
            return self._prints.setdefault(stream, LineBuffer()).append(text)

    def entry(self) -> Entry:
        """The entry of `result`, run in this thread."""
        target = self._call.target
        if target is None:
            return self._not_found()
        token = _current.set(self)
        started_ns = time.monotonic_ns()
        try:
            output = target.run(StepContext.from_request(self._request, target.handler.callable, self._call))
            if hasattr(output, "__await__"):
                output = self._call.loop.run(output, self._call.cancellation)
            outcome = StepHandlerResult.from_handler_output(output)
        except BaseException as error:
            outcome = self._failure(target, error)
        finally:
            _current.reset(token)
        return self._written(target, outcome, started_ns)

    async def entry_async(self) -> Entry:
        """The entry of `result`, run in the loop; a cancel cancels the task that this runs in."""
        target = self._call.target
        if target is None:
            return self._not_found()
        token = _current.set(self)
        started_ns = time.monotonic_ns()
        try:
            awaitable = target.run(StepContext.from_request(self._request, target.handler.callable, self._call))
            output = await self._call.loop.guard(awaitable, self._call.cancellation)
            outcome = StepHandlerResult.from_handler_output(output)
        except BaseException as error:
            outcome = self._failure(target, error)
        finally:
            _current.reset(token)
        return self._written(target, outcome, started_ns)

    def cancelled_entry(self) -> Entry:
        """The entry of a run that the cancel came before."""
        return wire_result.failure(self.step_uuid, "cancelled", self._cancelled_text(), retryable=True)

    def finish(self) -> Iterator[tuple[str, str]]:
        """Its last words leave before its result: stream and text of lines that never ended."""
        self.running = False
        if self._prints is None:
            return
        for stream, buffer in self._prints.items():
            rest = buffer.rest()
            if rest is not None:
                yield stream, rest

    def _not_found(self) -> Entry:
        return wire_result.failure(self.step_uuid, "handler_not_found", self._call.problem)

    def _written(self, target: Target, outcome: StepHandlerResult, started_ns: int) -> Entry:
        execution_time_ms = (time.monotonic_ns() - started_ns) // NS_PER_MS
        return wire_result.entry(self.step_uuid, outcome, target.handler, execution_time_ms)

    def _failure(self, target: Target, error: BaseException) -> StepHandlerResult:
        """Everything that a handler can raise is its outcome, not the runtime's end."""
        if fork_guard.is_child():
            fork_guard.leave(error)
        if isinstance(error, SystemExit):
            handler = target.handler
            message = (
                f"Handler `{handler.callable}` ({handler.file}) called `exit` ({error.code}); return a result instead."
            )
            return StepHandlerResult.failure(message, "handler_exit", retryable=False)
        if self._call.cancellation.cancelled and type(error).__name__ == "CancelledError":
            return StepHandlerResult.failure(self._cancelled_text(), "cancelled")
        outcome = StepHandlerResult.from_exception(error)
        return handler_mistake.explain(outcome, error, target.handler)

    def _cancelled_text(self) -> str:
        return f"The handler was stopped after its cancel ({self._call.cancellation.reason})."
