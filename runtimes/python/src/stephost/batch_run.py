"""One `execute` of several steps → their entries, made in one call of the handler."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from . import fork_guard, row_batch, wire_result
from .step_context import StepContext
from .step_run import NS_PER_MS

if TYPE_CHECKING:
    from .call import Call
    from .handler import Handler
    from .wire_result import Entry


class BatchRun:
    """What the author's code prints meanwhile belongs to the process: it works for all of the steps."""

    def __init__(self, call: Call, requests: list[dict[str, Any]], handler: Handler) -> None:
        self._call = call
        self._requests = requests
        self._handler = handler
        self._started_ns = 0

    def entries(self) -> list[Entry] | None:
        """One for each request; None: the author's code raised, and the steps run one by one."""
        try:
            results = self._begin()
            if hasattr(results, "__await__"):
                results = self._call.loop.run(results, self._call.cancellation)
        except BaseException as error:
            return self._raised(error)
        return self._written(results)

    async def entries_async(self) -> list[Entry] | None:
        """As `entries`, in the loop."""
        try:
            results = await self._call.loop.guard(self._begin(), self._call.cancellation)
        except BaseException as error:
            return self._raised(error)
        return self._written(results)

    def _begin(self) -> Any:
        name = self._handler.callable
        contexts = [StepContext.from_request(request, name, self._call) for request in self._requests]
        self._started_ns = time.monotonic_ns()
        return row_batch.run(self._handler.instance(contexts[0]), contexts)

    def _written(self, results: list[Any]) -> list[Entry]:
        ran_ms = (time.monotonic_ns() - self._started_ns) // NS_PER_MS
        pairs = zip(self._requests, results, strict=True)
        return [wire_result.entry(request["step_uuid"], result, self._handler, ran_ms) for request, result in pairs]

    def _raised(self, error: BaseException) -> list[Entry] | None:
        if fork_guard.is_child():
            fork_guard.leave(error)
        if self._call.cancellation.cancelled:
            return self._call.cancelled()
        place = f"`{self._handler.callable}` ({self._handler.file})"
        print(f"`process_batch` of {place} raised {type(error).__name__}; its steps run one by one.", file=sys.stderr)
        return None
