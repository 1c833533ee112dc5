"""Every accessor of the context."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from stephost import CheckpointNotStored, StepContext
from stephost.cancellation import Cancellation
from stephost.step_context import StepEvent
from support import STEP_UUID, TASK_UUID, request


def context(task_context: Any = None, cancellation: Cancellation | None = None, **rest: Any) -> StepContext:
    message = request("ship", task_context, **rest)
    event = StepEvent(message["task_uuid"], message["step_uuid"], message["correlation_id"], message)
    return StepContext(event, "ship", cancellation)


def test_identity() -> None:
    subject = context()
    assert subject.handler_name == "ship"
    assert subject.task_uuid == uuid.UUID(TASK_UUID)
    assert subject.step_uuid == uuid.UUID(STEP_UUID)
    assert subject.correlation_id == uuid.UUID(TASK_UUID)
    assert subject.event.step_uuid == STEP_UUID


def test_inputs_come_from_the_task_context() -> None:
    subject = context({"customer": "Ada", "nothing": None})
    assert subject.input_data == {"customer": "Ada", "nothing": None}
    assert subject.get_input("customer") == "Ada"
    assert subject.get_input("absent") is None
    assert subject.get_input_or("absent") is None
    assert subject.get_input_or("nothing", "fallback") == "fallback"
    assert subject.get_input_or("customer", "fallback") == "Ada"
    assert context(None).input_data == {}


def test_configuration_and_step_inputs() -> None:
    subject = context(initialization={"currency": "EUR"}, step={"inputs": {"cursor": 1}})
    assert subject.step_config == {"currency": "EUR"}
    assert subject.get_config("currency") == "EUR"
    assert subject.get_config("absent") is None
    assert subject.step_inputs == {"cursor": 1}


def test_dependency_results_are_unwrapped() -> None:
    stored = {"success": True, "result": {"lines": [{"id": 7}]}}
    subject = context(dependencies={"cart_1": stored, "cart_2": {"id": 8}, "tax": {"result": None}})
    assert subject.dependency_results["cart_1"] == stored
    assert subject.get_dependency_result("cart_1") == {"lines": [{"id": 7}]}
    assert subject.get_dependency_result("cart_2") == {"id": 8}
    assert subject.get_dependency_result("tax") is None
    assert subject.get_dependency_result("absent") is None
    assert subject.get_dependency_field("cart_1", "lines", 0, "id") == 7
    assert subject.get_dependency_field("cart_1", "lines", 1, "id") is None
    assert subject.get_dependency_field("cart_1", "lines", "id") is None
    assert sorted(subject.get_dependency_result_keys()) == ["cart_1", "cart_2", "tax"]
    assert {"id": 8} in subject.get_all_dependency_results("cart_")
    assert len(subject.get_all_dependency_results("cart_")) == 2


def test_retries() -> None:
    first = context(step={"attempts": None, "max_attempts": None})
    assert (first.retry_count, first.max_retries, first.is_retry(), first.is_last_retry()) == (0, 3, False, False)
    last = context(step={"attempts": 2, "max_attempts": 3})
    assert (last.retry_count, last.max_retries, last.is_retry(), last.is_last_retry()) == (2, 3, True, True)


def test_checkpoint() -> None:
    without = context()
    assert (without.checkpoint, without.has_checkpoint(), without.checkpoint_cursor) == (None, False, None)
    assert (without.checkpoint_items_processed, without.accumulated_results) == (0, None)
    subject = context(step={"checkpoint": {"cursor": 5, "items_processed": 4, "accumulated_results": {"sum": 1}}})
    assert (subject.has_checkpoint(), subject.checkpoint_cursor) == (True, 5)
    assert (subject.checkpoint_items_processed, subject.accumulated_results) == (4, {"sum": 1})


def test_cancelled_follows_the_flag() -> None:
    cancellation = Cancellation()
    subject = context(cancellation=cancellation)
    assert not subject.cancelled
    cancellation.cancel("timeout")
    assert subject.cancelled


def test_from_ffi_event() -> None:
    documents = {"task": {"task": {"context": {"a": 1}}}, "workflow_step": {"name": "step"}}
    subject = StepContext.from_ffi_event(StepEvent(TASK_UUID, STEP_UUID, TASK_UUID, documents), "ship")
    assert subject.get_input("a") == 1
    assert subject.task_sequence_step.workflow_step == {"name": "step"}


def test_without_a_host_there_is_no_deadline_and_checkpoints_are_recorded() -> None:
    subject = context()
    assert subject.deadline == float("inf")
    assert subject.traceparent is None
    subject.save_checkpoint(cursor={"row": 5}, items_processed=5)
    subject.save_checkpoint(cursor=9, items_processed=9, accumulated_results=[1.5])
    assert subject.recorded_checkpoints == [
        {"cursor": {"row": 5}, "items_processed": 5},
        {"cursor": 9, "items_processed": 9, "accumulated_results": [1.5]},
    ]
    with pytest.raises(CheckpointNotStored, match="no JSON form"):
        subject.save_checkpoint(cursor=object(), items_processed=1)


def test_documents_are_parsed_when_they_are_asked_for() -> None:
    message = request("ship", {"customer": "Ada"}) | {"dependency_results": "no JSON at all"}
    subject = StepContext.from_request(message, "ship")
    assert subject.get_input("customer") == "Ada"
    with pytest.raises(ValueError, match="Expecting value"):
        subject.get_dependency_result("previous")
