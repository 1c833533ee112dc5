"""What a batch worker was given, and what it did with it. Source of names: handler-api §0.4, §1.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from .cursors import CursorConfig, RustCursorConfig
from .stored_checkpoint import StoredCheckpoint

if TYPE_CHECKING:
    from .step_context import StepContext


class FailureStrategy(str, Enum):
    CONTINUE_ON_FAILURE = "continue_on_failure"
    FAIL_FAST = "fail_fast"
    ISOLATE = "isolate"


@dataclass
class BatchMetadata:
    cursor_field: str | None = None
    failure_strategy: FailureStrategy = FailureStrategy.CONTINUE_ON_FAILURE


@dataclass
class RustBatchWorkerInputs:
    """`inputs` of a worker's step as orchestration wrote them. `is_no_op`: there is nothing to do."""

    cursor: RustCursorConfig
    batch_metadata: BatchMetadata
    is_no_op: bool = False

    @classmethod
    def from_inputs(cls, inputs: dict[str, Any]) -> RustBatchWorkerInputs | None:
        """None: the step is no batch worker."""
        cursor = inputs.get("cursor")
        is_no_op = inputs.get("is_no_op") is True
        if not isinstance(cursor, dict) and not is_no_op:
            return None
        cursor = cursor or {}
        about = inputs.get("batch_metadata") or {}
        strategy = about.get("failure_strategy") or FailureStrategy.CONTINUE_ON_FAILURE
        return cls(
            RustCursorConfig(
                str(cursor.get("batch_id", "no_op")),
                cursor.get("start_cursor", 0),
                cursor.get("end_cursor", 0),
                cursor.get("batch_size", 0),
            ),
            BatchMetadata(about.get("cursor_field"), FailureStrategy(strategy)),
            is_no_op,
        )


@dataclass
class BatchWorkerContext(StoredCheckpoint):
    """`checkpoint` is what the step had when this run of it began."""

    batch_id: str
    cursor_config: CursorConfig
    batch_index: int = 0
    total_batches: int = 1
    batch_metadata: dict[str, Any] = field(default_factory=dict)
    checkpoint: dict[str, Any] | None = None

    @classmethod
    def from_step_context(cls, context: StepContext) -> BatchWorkerContext | None:
        """None: the step is no batch worker."""
        given = RustBatchWorkerInputs.from_inputs(context.step_inputs)
        if given is None:
            return None
        index = int(given.cursor.batch_id) - 1 if given.cursor.batch_id.isdecimal() else 0
        about = context.step_inputs.get("batch_metadata") or {}
        cursor = CursorConfig(given.cursor.start_cursor, given.cursor.end_cursor)
        return cls(given.cursor.batch_id, cursor, index, 1, dict(about), context.checkpoint)

    @property
    def start_cursor(self) -> int:
        return self.cursor_config.start_cursor

    @property
    def end_cursor(self) -> int:
        """The first position that is not this worker's any more."""
        return self.cursor_config.end_cursor

    @property
    def step_size(self) -> int:
        return self.cursor_config.step_size


@dataclass
class BatchWorkerOutcome:
    """What a worker did."""

    items_processed: int
    items_succeeded: int = 0
    items_failed: int = 0
    items_skipped: int = 0
    results: Any = None
    errors: list[Any] | None = None
    last_cursor: Any = None
    batch_metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        counts = {
            "items_processed": self.items_processed,
            "items_succeeded": self.items_succeeded,
            "items_failed": self.items_failed,
            "items_skipped": self.items_skipped,
        }
        about = {"results": self.results, "errors": self.errors, "last_cursor": self.last_cursor}
        given = {name: value for name, value in about.items() if value is not None}
        return {**counts, **given, **({"batch_metadata": self.batch_metadata} if self.batch_metadata else {})}
