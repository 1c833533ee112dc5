"""One request → one entry: finds the handler, runs it, times it, and turns whatever it did into a result."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from . import wire_result
from .handler_directory import HandlerDirectory, NotFound
from .step_context import StepContext
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from .async_loop import AsyncLoop
    from .cancellation import Cancellation
    from .handler import Handler
    from .wire_result import Entry

NS_PER_MS = 1_000_000


class StepRun:
    """`target` is the `execute` message: callable, method and resolver hold for all its requests."""

    def __init__(
        self, directory: HandlerDirectory, loop: AsyncLoop, target: dict[str, Any], cancellation: Cancellation
    ) -> None:
        self._directory = directory
        self._loop = loop
        self._target = target
        self._cancellation = cancellation

    def entry(self, request: dict[str, Any]) -> Entry:
        step_uuid: str = request["step_uuid"]
        try:
            handler = self._directory.resolve(self._target["callable"], self._target.get("resolver"))
        except NotFound as error:
            return wire_result.failure(step_uuid, "handler_not_found", str(error))
        method = self._target.get("method") or "call"
        if not handler.has_method(method):
            message = f"Handler `{handler.callable}` ({handler.file}) has no public method `{method}`."
            return wire_result.failure(step_uuid, "handler_not_found", message)
        started_ns = time.monotonic_ns()
        outcome = self._outcome(handler, method, request)
        execution_time_ms = (time.monotonic_ns() - started_ns) // NS_PER_MS
        sys.stdout.flush()
        return wire_result.entry(step_uuid, outcome, handler, execution_time_ms)

    def _outcome(self, handler: Handler, method: str, request: dict[str, Any]) -> StepHandlerResult:
        """Everything that a handler can raise is its outcome, not the runtime's end."""
        try:
            context = StepContext.from_request(request, handler.callable, self._cancellation)
            output = getattr(handler.instance(), method)(context)
            if hasattr(output, "__await__"):
                output = self._loop.run(output, self._cancellation)
            return StepHandlerResult.from_handler_output(output)
        except SystemExit as error:
            message = (
                f"Handler `{handler.callable}` ({handler.file}) called `exit` ({error.code}); return a result instead."
            )
            return StepHandlerResult.failure(message, "handler_exit", retryable=False)
        except BaseException as error:
            if self._cancellation.cancelled and type(error).__name__ == "CancelledError":
                return StepHandlerResult.failure(
                    f"The handler was cancelled ({self._cancellation.reason}).", "cancelled"
                )
            return StepHandlerResult.from_exception(error)
