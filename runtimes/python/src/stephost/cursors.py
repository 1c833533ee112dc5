"""Divides a number of items among batch workers. Source of names and shapes: handler-api §0.4, §1.2."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .handler_mistake import HandlerMistake


@dataclass
class CursorConfig:
    """From `start_cursor` to `end_cursor` (exclusive)."""

    start_cursor: int
    end_cursor: int
    step_size: int = 1
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class BatchWorkerConfig:
    """The share of one worker: from `cursor_start` to `cursor_end` (exclusive)."""

    batch_id: str
    cursor_start: int
    cursor_end: int
    row_count: int
    worker_index: int
    total_workers: int


@dataclass
class RustCursorConfig:
    """A cursor as orchestration reads it."""

    batch_id: str
    start_cursor: Any
    end_cursor: Any
    batch_size: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def of_size(total_items: int, batch_size: int, step_size: int = 1) -> list[CursorConfig]:
    """Batches of so many items; the last may be smaller. Raises HandlerMistake."""
    _check("batch_size", batch_size, 1)
    _check("total_items", total_items, 0)
    starts = range(0, total_items, batch_size)
    return [CursorConfig(start, min(start + batch_size, total_items), step_size) for start in starts]


def for_workers(total_items: int, worker_count: int) -> list[BatchWorkerConfig]:
    """Fewer than `worker_count` when some would be empty; ids are "001" and on. Raises HandlerMistake."""
    _check("worker_count", worker_count, 1)
    _check("total_items", total_items, 0)
    cursors = of_size(total_items, -(-total_items // worker_count)) if total_items else []
    return [
        BatchWorkerConfig(
            batch_id(index),
            cursor.start_cursor,
            cursor.end_cursor,
            cursor.end_cursor - cursor.start_cursor,
            index,
            len(cursors),
        )
        for index, cursor in enumerate(cursors)
    ]


def batch_id(index: int) -> str:
    """`index` counts from 0."""
    return f"{index + 1:03d}"


def as_rust(cursor: Any, index: int) -> RustCursorConfig:
    """Any of the shapes above, or a dict of orchestration's own shape."""
    if isinstance(cursor, RustCursorConfig):
        return cursor
    if isinstance(cursor, BatchWorkerConfig):
        return RustCursorConfig(cursor.batch_id, cursor.cursor_start, cursor.cursor_end, cursor.row_count)
    if isinstance(cursor, CursorConfig):
        size = -(-(cursor.end_cursor - cursor.start_cursor) // max(cursor.step_size, 1))
        return RustCursorConfig(batch_id(index), cursor.start_cursor, cursor.end_cursor, size)
    if isinstance(cursor, dict) and {"start_cursor", "end_cursor"} <= set(cursor):
        start, end = cursor["start_cursor"], cursor["end_cursor"]
        counted = end - start if isinstance(start, int) and isinstance(end, int) else 0
        size = int(cursor.get("batch_size", counted))
        return RustCursorConfig(str(cursor.get("batch_id") or batch_id(index)), start, end, size)
    raise HandlerMistake(f"a cursor is {cursor!r}; it needs start_cursor and end_cursor", "INVALID_BATCH_OUTCOME")


def _check(name: str, value: Any, least: int) -> None:
    if type(value) is not int or value < least:
        raise HandlerMistake(f"{name} is {value!r}; it must be an integer from {least}", "INVALID_BATCH_OUTCOME")
