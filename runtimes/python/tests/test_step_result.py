"""What returns and raises become: result, error type, retryability."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stephost import StepHandler, StepHandlerResult, errors, wire_result
from stephost.handler import Handler
from stephost.step_result import StepHandlerCallResult


class Ship(StepHandler):
    handler_name = "ship"

    def call(self, context: Any) -> None:
        return None


def entry(outcome: StepHandlerResult) -> dict[str, Any]:
    return wire_result.entry("s1", outcome, Handler(Ship, "ship.py", "handlers"), 3)


@pytest.mark.parametrize(
    ("output", "result"),
    [(None, {}), ({"a": 1}, {"a": 1}), (7, {"result": 7}), ([1], {"result": [1]}), (StepHandlerResult.success(), {})],
)
def test_outputs(output: Any, result: Any) -> None:
    outcome = StepHandlerResult.from_handler_output(output)
    assert outcome.is_success_result()
    assert json.loads(entry(outcome)["result"]) == result


@pytest.mark.parametrize(
    ("error", "error_type", "retryable"),
    [
        (errors.PermanentError("x"), "permanent_error", False),
        (errors.ValidationError("x"), "validation_error", False),
        (errors.NotFoundError("x"), "permanent_error", False),
        (errors.ConfigurationError("x"), "permanent_error", False),
        (errors.RetryableError("x"), "retryable_error", True),
        (errors.TimeoutError("x"), "timeout", True),
        (errors.RateLimitError("x", retryable=False), "retryable_error", False),
        (errors.TaskerError("x"), "handler_error", True),
        (ZeroDivisionError("x"), "handler_error", True),
    ],
)
def test_raised_errors(error: Exception, error_type: str, retryable: bool) -> None:
    written = entry(StepHandlerResult.from_exception(error))["error"]
    assert (written["message"], written["error_type"], written["retryable"]) == ("x", error_type, retryable)
    assert json.loads(written["context"])["exception_class"] == type(error).__name__


@pytest.mark.parametrize(("wish", "seconds"), [(2, 2), (0.2, 1), (-1, 0), (float("nan"), None), (None, None)])
def test_retry_after_becomes_whole_seconds(wish: Any, seconds: int | None) -> None:
    error = errors.RetryableError("busy", retry_after=wish, error_code="BUSY", context={"host": "a"})
    written = entry(StepHandlerResult.from_exception(error))["error"]
    assert written["retry_after_s"] == seconds
    assert written["error_code"] == "BUSY"
    assert json.loads(written["context"])["host"] == "a"


def test_failure_defaults() -> None:
    written = entry(Ship().failure("no"))
    assert written["success"] is False
    assert (written["error"]["error_type"], written["error"]["retryable"]) == ("handler_error", True)


def test_text_of_failures_is_clean() -> None:
    outcome = StepHandlerResult.failure("a\0\ud800" + "x" * 99_999, metadata={"bad": float("nan")})
    written = entry(outcome)
    assert written["error"]["message"].startswith("a?x")
    assert len(written["error"]["message"]) <= wire_result.TEXT_CHARS_MAX
    assert written["metadata"] == "{}"


def test_unwritable_metadata_of_a_success_is_named() -> None:
    written = entry(StepHandlerResult.success({}, metadata={"at": float("nan")}))
    assert written["error"]["error_type"] == "invalid_result"
    assert "Handler `ship` (ship.py)" in written["error"]["message"]
    assert "`metadata.at`" in written["error"]["message"]


def test_the_older_model_says_the_same() -> None:
    done = StepHandlerResult.from_handler_output(StepHandlerCallResult(result={"a": 1}, metadata={"m": 1}))
    assert (done.is_success, done.result, done.metadata) == (True, {"a": 1}, {"m": 1})
    refused = StepHandlerCallResult(success=False, error_message="no", error_type="permanent_error", retryable=False)
    failed = StepHandlerResult.from_handler_output(refused)
    assert (failed.is_success, failed.error_message, failed.error_type) == (False, "no", "permanent_error")
    assert not failed.retryable
    assert StepHandlerCallResult(success=False).to_result().error_type == "handler_error"
