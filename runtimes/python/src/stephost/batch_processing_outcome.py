"""What a batch analyzer asks orchestration for: workers with a cursor each, or none. Source: handler-api §0.4, §1.2."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .cursors import CursorConfig, RustCursorConfig, as_rust
from .handler_mistake import HandlerMistake

CODE_INVALID = "INVALID_BATCH_OUTCOME"


@dataclass
class BatchAnalyzerOutcome:
    """What an analyzer found: ranges that become one worker each."""

    cursor_configs: list[CursorConfig]
    total_items: int
    batch_metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class NoBatchesOutcome:
    type: str = "no_batches"

    def to_dict(self) -> dict[str, Any]:
        return {"type": self.type}


@dataclass
class CreateBatchesOutcome:
    worker_template_name: str
    worker_count: int
    cursor_configs: list[RustCursorConfig]
    total_items: int
    type: str = "create_batches"

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "worker_template_name": self.worker_template_name,
            "worker_count": self.worker_count,
            "cursor_configs": [cursor.to_dict() for cursor in self.cursor_configs],
            "total_items": self.total_items,
        }


def no_batches() -> NoBatchesOutcome:
    return NoBatchesOutcome()


def create_batches(
    worker_template_name: str, cursor_configs: list[Any], total_items: int, worker_count: int | None = None
) -> CreateBatchesOutcome:
    """`cursor_configs`: one for each worker, in any of the shapes of `cursors`.

    Raises HandlerMistake (INVALID_BATCH_OUTCOME): no worker, a range that is empty or negative, an id twice.
    """
    cursors = [as_rust(cursor, index) for index, cursor in enumerate(cursor_configs)]
    if not worker_template_name:
        _invalid("`worker_template_name` is missing")
    if not cursors:
        _invalid("`cursor_configs` is empty; return `no_batches_outcome` when there is nothing to do")
    if worker_count not in (None, len(cursors)):
        _invalid(f"worker_count is {worker_count} and there are {len(cursors)} cursors")
    for cursor in cursors:
        _check(cursor)
    twice = [name for name, count in Counter(cursor.batch_id for cursor in cursors).items() if count > 1]
    if twice:
        _invalid(f"the batch_id {twice[0]!r} comes twice")
    return CreateBatchesOutcome(worker_template_name, len(cursors), cursors, total_items)


def _check(cursor: RustCursorConfig) -> None:
    start, end = cursor.start_cursor, cursor.end_cursor
    if isinstance(start, int) and isinstance(end, int) and end <= start:
        _invalid(f"the batch {cursor.batch_id!r} goes from {start} to {end}, which is empty")
    if cursor.batch_size < 1:
        _invalid(f"the batch {cursor.batch_id!r} has the size {cursor.batch_size}")


def _invalid(problem: str) -> None:
    raise HandlerMistake(f"The batches are not valid: {problem}.", CODE_INVALID)
