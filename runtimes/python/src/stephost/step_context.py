"""All that a handler may read: task, step, dependency results, configuration. Source of names: handler-api §1.2."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from . import json_text
from .cancellation import Cancellation
from .errors import CheckpointNotStored
from .stored_checkpoint import StoredCheckpoint

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from uuid import UUID

    from .call import Call

MAX_ATTEMPTS_DEFAULT = 3
DOCUMENTS = ("task", "workflow_step", "dependency_results", "step_definition")


class TaskSequenceStep:
    """The four documents of a step request, each a dict; texts of JSON are parsed when they are asked for."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self._parsed: dict[str, dict[str, Any]] = {}

    @property
    def task(self) -> dict[str, Any]:
        return self._document("task")

    @property
    def workflow_step(self) -> dict[str, Any]:
        return self._document("workflow_step")

    @property
    def dependency_results(self) -> dict[str, Any]:
        return self._document("dependency_results")

    @property
    def step_definition(self) -> dict[str, Any]:
        return self._document("step_definition")

    def to_dict(self) -> dict[str, Any]:
        return {name: self._document(name) for name in DOCUMENTS}

    def _document(self, name: str) -> dict[str, Any]:
        document = self._parsed.get(name)
        if document is None:
            value = self._documents.get(name)
            document = (json_text.parse(value) if isinstance(value, str) else value) or {}
            self._parsed[name] = document
        return document


class StepEvent:
    """The request as Tasker's event: three ids (text) and the documents."""

    def __init__(
        self, task_uuid: str, step_uuid: str, correlation_id: str, task_sequence_step: Mapping[str, Any]
    ) -> None:
        self.task_uuid = task_uuid
        self.step_uuid = step_uuid
        self.correlation_id = correlation_id
        self._sequence_step = TaskSequenceStep(task_sequence_step)

    @property
    def task_sequence_step(self) -> dict[str, Any]:
        return self._sequence_step.to_dict()

    def sequence_step(self) -> TaskSequenceStep:
        """The same with its documents by name, parsed one by one."""
        return self._sequence_step


class StepContext(StoredCheckpoint):
    """`recorded_checkpoints`: what was saved where no host is there to store it, in tests of handlers."""

    event: StepEvent
    handler_name: str
    task_sequence_step: TaskSequenceStep

    def __init__(
        self,
        event: StepEvent,
        handler_name: str,
        cancellation: Cancellation | None = None,
        call: Call | None = None,
    ) -> None:
        self.event = event
        self.handler_name = handler_name
        self.task_sequence_step = event.sequence_step()
        self.recorded_checkpoints: list[dict[str, Any]] = []
        self._cancellation = cancellation or (call.cancellation if call else Cancellation())
        self._call = call

    @classmethod
    def from_ffi_event(cls, event: StepEvent, handler_name: str) -> StepContext:
        return cls(event, handler_name)

    @classmethod
    def from_request(cls, request: dict[str, Any], handler_name: str, call: Call | None = None) -> StepContext:
        """`request` is a request of the wire: four of its fields are JSON documents, parsed when they are asked for."""
        event = StepEvent(request["task_uuid"], request["step_uuid"], request["correlation_id"], request)
        return cls(event, handler_name, call=call)

    @property
    def logger(self) -> logging.Logger:
        """Its records go to the host with the step: `context.logger.info("reserved", extra={"sku": "a1"})`."""
        from . import step_logger

        return step_logger.logger()

    @property
    def deadline(self) -> float:
        """Seconds until the host wants the handler to stop; negative when that is over, infinite without a host."""
        return float("inf") if self._call is None else self._call.deadline_at - time.monotonic()

    @property
    def traceparent(self) -> str | None:
        """W3C Trace Context of the call."""
        return None if self._call is None else self._call.traceparent

    def save_checkpoint(self, *, cursor: Any, items_processed: int, accumulated_results: Any = None) -> None:
        """Returns when the host has stored it; a later run of this step begins with it. Raises CheckpointNotStored."""
        text = _checkpoint_text(cursor, items_processed, accumulated_results)
        if self._call is None:
            self.recorded_checkpoints.append(json_text.parse(text))
        else:
            self._call.checkpoints.save(self.event.step_uuid, text)

    async def save_checkpoint_async(
        self, *, cursor: Any, items_processed: int, accumulated_results: Any = None
    ) -> None:
        """As `save_checkpoint`, for `async def` handlers: other handlers go on meanwhile."""
        text = _checkpoint_text(cursor, items_processed, accumulated_results)
        if self._call is None:
            self.recorded_checkpoints.append(json_text.parse(text))
        else:
            await self._call.checkpoints.save_async(self.event.step_uuid, text)

    @property
    def cancelled(self) -> bool:
        """True once the host wants the handler to stop: the deadline passed, the host stops, or it lost the step."""
        return self._cancellation.cancelled

    @property
    def task_uuid(self) -> UUID:
        return _uuid(self.event.task_uuid)

    @property
    def step_uuid(self) -> UUID:
        return _uuid(self.event.step_uuid)

    @property
    def correlation_id(self) -> UUID:
        return _uuid(self.event.correlation_id)

    @property
    def input_data(self) -> dict[str, Any]:
        """The task context, not the step's inputs (unlike Ruby)."""
        task = self.task_sequence_step.task.get("task") or {}
        context: dict[str, Any] = task.get("context") or {}
        return context

    @property
    def dependency_results(self) -> dict[str, Any]:
        """Step name → the whole stored step result."""
        return self.task_sequence_step.dependency_results

    @property
    def step_config(self) -> dict[str, Any]:
        handler = self.task_sequence_step.step_definition.get("handler") or {}
        config: dict[str, Any] = handler.get("initialization") or {}
        return config

    @property
    def step_inputs(self) -> dict[str, Any]:
        inputs: dict[str, Any] = self.task_sequence_step.workflow_step.get("inputs") or {}
        return inputs

    @property
    def retry_count(self) -> int:
        """Attempts before this run: 0 on the first."""
        return self.task_sequence_step.workflow_step.get("attempts") or 0

    @property
    def max_retries(self) -> int:
        attempts_max: int | None = self.task_sequence_step.workflow_step.get("max_attempts")
        return MAX_ATTEMPTS_DEFAULT if attempts_max is None else attempts_max

    def is_retry(self) -> bool:
        return self.retry_count > 0

    def is_last_retry(self) -> bool:
        return self.retry_count >= self.max_retries - 1

    def get_input(self, key: str) -> Any:
        return self.input_data.get(key)

    def get_input_or(self, key: str, default: Any = None) -> Any:
        """The default replaces an explicit null too."""
        value = self.get_input(key)
        return default if value is None else value

    def get_config(self, key: str) -> Any:
        return self.step_config.get(key)

    def get_dependency_result(self, step_name: str) -> Any:
        """What the ancestor step returned; None when it is unknown."""
        stored = self.dependency_results.get(step_name)
        return stored["result"] if isinstance(stored, dict) and "result" in stored else stored

    def get_dependency_field(self, step_name: str, *path: str | int) -> Any:
        """Integers of `path` reach into lists; None where the path ends early."""
        value = self.get_dependency_result(step_name)
        for key in path:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            else:
                return None
        return value

    def get_dependency_result_keys(self) -> list[str]:
        return list(self.dependency_results)

    def get_all_dependency_results(self, prefix: str) -> list[Any]:
        """What the ancestor steps whose names start with `prefix` returned."""
        return [self.get_dependency_result(name) for name in self.dependency_results if name.startswith(prefix)]

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        return self.task_sequence_step.workflow_step.get("checkpoint")


def _uuid(text: str) -> UUID:
    # Imported late: most handlers never ask, and the import costs a tenth of the start.
    from uuid import UUID

    return UUID(text)


def _checkpoint_text(cursor: Any, items_processed: int, accumulated_results: Any) -> str:
    data = {"cursor": cursor, "items_processed": items_processed}
    if accumulated_results is not None:
        data["accumulated_results"] = accumulated_results
    try:
        return json_text.write(data, "checkpoint")
    except json_text.Unwritable as error:
        raise CheckpointNotStored(f"The checkpoint has no JSON form: {error}") from None
