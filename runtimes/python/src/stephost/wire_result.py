"""Outcomes of handlers → entries of a `result` message (PROTOCOL.md §3.1), with limits and clean text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from . import json_text
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from .handler import Handler

TEXT_CHARS_MAX = 16_384
BACKTRACE_LINES_MAX = 50
SECONDS_MAX = 2**31
OUTCOMES = {"decision_point_outcome": "decision", "batch_processing_outcome": "batches"}

Entry = dict[str, Any]


def entry(step_uuid: str, outcome: StepHandlerResult, handler: Handler, execution_time_ms: int) -> Entry:
    """`handler` is named when the result cannot be written."""
    base: Entry = {"step_uuid": step_uuid, "execution_time_ms": execution_time_ms}
    if not outcome.is_success:
        return base | _failure_part(outcome)
    try:
        if outcome.metadata.get("checkpoint_yield") is True and isinstance(outcome.result, dict):
            return base | _yielded(outcome.result)
        return base | {
            "success": True,
            "metadata": json_text.write(outcome.metadata, "metadata"),
            "result": json_text.write(outcome.result),
            **_decided(outcome.result),
        }
    except json_text.Unwritable as error:
        message = f"Handler `{handler.callable}` ({handler.file}) returned what JSON cannot hold: {error}"
        return failure(step_uuid, "invalid_result", message, execution_time_ms)


def _decided(result: Any) -> Entry:
    """The `outcome` of a result that has one, however the handler made it. Orchestration reads it in the result."""
    if isinstance(result, dict):
        for key, kind in OUTCOMES.items():
            if isinstance(result.get(key), dict):
                return {"outcome": {"kind": kind, "document": json_text.write(result[key])}}
    return {}


def _yielded(result: dict[str, Any]) -> Entry:
    """Its `type` is for Tasker's eyes only."""
    document = json_text.write({name: value for name, value in result.items() if name != "type"}, "checkpoint")
    outcome = {"kind": "checkpoint", "document": document}
    return {"success": True, "metadata": "{}", "result": "null", "outcome": outcome}


def failure(
    step_uuid: str, error_type: str, message: str, execution_time_ms: int = 0, *, retryable: bool = False
) -> Entry:
    """A failure that the runtime itself gives."""
    outcome = StepHandlerResult.failure(message, error_type, retryable=retryable)
    return {"step_uuid": step_uuid, "execution_time_ms": execution_time_ms} | _failure_part(outcome)


def _failure_part(outcome: StepHandlerResult) -> Entry:
    return {
        "success": False,
        "metadata": _object_text(outcome.metadata),
        "error": {
            "message": _text(outcome.error_message),
            "error_type": _text(outcome.error_type),
            "error_code": None if outcome.error_code is None else _text(outcome.error_code),
            "retryable": bool(outcome.retryable),
            "retry_after_s": _seconds(outcome.retry_after),
            "backtrace": [_text(line) for line in outcome.backtrace[:BACKTRACE_LINES_MAX]],
            "context": _object_text(outcome.context),
        },
    }


def _object_text(value: Any) -> str:
    """The failure matters more than what hangs on it: what cannot be written is left out."""
    try:
        return json_text.write(value) if isinstance(value, dict) else "{}"
    except json_text.Unwritable:
        return "{}"


def _text(value: Any) -> str:
    """UTF-8 without NUL: PostgreSQL takes no other text."""
    text = "" if value is None else str(value)
    return text[:TEXT_CHARS_MAX].replace("\0", "").encode(errors="replace").decode()


def _seconds(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return min(max(math.ceil(value), 0), SECONDS_MAX)
