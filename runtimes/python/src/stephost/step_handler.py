"""The base class of handlers. Source of names and defaults: handler-api §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import halves, row_batch
from .errors import ErrorType
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from .step_context import StepContext


class StepHandler:
    """Subclasses define `call`, plain or `async`; a new instance runs every step.

    Instead of `call` they may define `process(self, context)` and, to make the step's result of its output,
    `process_results(self, context, output)`; both plain or `async`.
    """

    handler_name: str = ""
    handler_version: str = "1.0.0"
    # After a crash that took the handler along: wait as after any failure, or "retry" at once.
    on_crash: str = "backoff"
    # {"max_size": 100, "max_wait_ms": 50} in a class with `process_batch(self, contexts)`, plain or `async`: the host
    # gathers so many steps, the first of which waits at most so long. It returns a list in the order of the contexts,
    # or a dict by step_uuid. When it raises, its steps run one by one.
    batch: dict[str, int] | None = None
    _stephost_context: StepContext | None = None

    def call(self, context: StepContext) -> Any:
        """Returns a StepHandlerResult, a dict, a model, or an awaitable of one of these."""
        if hasattr(self, "process_batch") and not hasattr(self, "process"):
            return row_batch.run_one(self, context)
        return halves.run(self, context)

    @property
    def capabilities(self) -> list[str]:
        """What the class can do beside `process`; `api`, `batchable`, `decision` say more about it."""
        labels = [name for name in ("process_results", "process_batch") if hasattr(self, name)]
        # Mixins stand behind this class as often as before it, so each says its word in an attribute.
        words = [base.__dict__["_capability"] for base in type(self).__mro__ if "_capability" in base.__dict__]
        return ["process", *labels, *dict.fromkeys(words)]

    def config_schema(self) -> dict[str, Any] | None:
        """A JSON Schema of the configuration; yours to override."""
        return None

    @property
    def name(self) -> str:
        return self.handler_name or type(self).__name__

    @property
    def version(self) -> str:
        return self.handler_version

    def success(self, result: Any = None, metadata: dict[str, Any] | None = None) -> StepHandlerResult:
        return StepHandlerResult.success(result, metadata)

    def checkpoint_yield(self, cursor: Any, items_processed: int, accumulated_results: Any = None) -> StepHandlerResult:
        """Ends this run, not the step: it runs on from `cursor` (`context.checkpoint_cursor`), in the same attempt.

        `items_processed` counts from 0, so far.
        """
        return StepHandlerResult.checkpoint_yield(cursor, items_processed, accumulated_results)

    def failure(
        self,
        message: str,
        error_type: str = ErrorType.HANDLER_ERROR,
        retryable: bool = True,
        metadata: dict[str, Any] | None = None,
        error_code: str | None = None,
    ) -> StepHandlerResult:
        return StepHandlerResult.failure(message, error_type, retryable, metadata, error_code)
