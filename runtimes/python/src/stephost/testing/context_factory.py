"""Contexts for tests, with the documents that a host would send."""

from __future__ import annotations

import json
import uuid
from typing import Any

from ..step_context import StepContext, StepEvent

Json = dict[str, Any]


def build_context(
    context: Json | None = None,
    *,
    dependencies: Json | None = None,
    config: Json | None = None,
    inputs: Json | None = None,
    checkpoint: Json | None = None,
    attempts: int = 0,
    max_attempts: int = 3,
    step_name: str = "step",
    namespace: str = "tests",
    handler_name: str = "handler",
) -> StepContext:
    """`context` is the task's.

    `dependencies`: step name → what its handler returned; `config`: `initialization` of the template step; `inputs`: of
    the step, as batch workers have them; `checkpoint`: `cursor`, `items_processed`, `accumulated_results`; `attempts`:
    before this run, 0 on the first.
    """
    task_uuid, step_uuid = str(uuid.uuid4()), str(uuid.uuid4())
    given = dependencies or {}
    documents = {
        "task": {
            "task": {"task_uuid": task_uuid, "context": context or {}},
            "task_name": "task",
            "task_version": "1.0.0",
            "namespace_name": namespace,
        },
        "workflow_step": {
            "workflow_step_uuid": step_uuid,
            "task_uuid": task_uuid,
            "name": step_name,
            "retryable": True,
            "attempts": attempts,
            "max_attempts": max_attempts,
            "inputs": inputs,
            "checkpoint": checkpoint,
        },
        "dependency_results": {name: {"result": result} for name, result in given.items()},
        "step_definition": {
            "name": step_name,
            "handler": {"callable": handler_name, "initialization": config or {}},
            "dependencies": list(given),
        },
    }
    # Through JSON, as on the wire: what JSON cannot hold shows itself.
    texts = {name: json.dumps(document) for name, document in documents.items()}
    return StepContext(StepEvent(task_uuid, step_uuid, str(uuid.uuid4()), texts), handler_name)
