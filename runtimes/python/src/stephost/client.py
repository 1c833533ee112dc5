"""Tasks over the REST of orchestration. Source of names: handler-api §1.2; of the routes: orchestration-semantics."""

from __future__ import annotations

import os
from typing import Any

from .errors import PermanentError, RetryableError
from .http_client import HttpClient

URL_DEFAULT = "http://127.0.0.1:8080"
PATH = "/v1/tasks"


class TaskerClient:
    """Answers are dicts. Errors of the service raise: PermanentError for 4xx, RetryableError for the rest."""

    def __init__(self, initiator: str = "stephost", source_system: str = "stephost") -> None:
        self.initiator = initiator
        self.source_system = source_system

    def create_task(
        self,
        name: str,
        namespace: str = "default",
        context: dict[str, Any] | None = None,
        version: str = "1.0.0",
        reason: str = "created by a Python client",
        **fields: Any,
    ) -> Any:
        """`fields` are further ones of a task request: `tags`, `priority` …"""
        about = {"initiator": self.initiator, "source_system": self.source_system, "reason": reason}
        task = {"name": name, "namespace": namespace, "version": version, "context": context or {}}
        return self._ask("POST", PATH, json={**task, **about, **fields})

    def get_task(self, task_uuid: str) -> Any:
        return self._ask("GET", f"{PATH}/{task_uuid}")

    def list_tasks(
        self, limit: int = 50, offset: int = 0, namespace: str | None = None, status: str | None = None
    ) -> Any:
        params = {"limit": limit, "offset": offset, "namespace": namespace, "status": status}
        return self._ask("GET", PATH, params={name: value for name, value in params.items() if value is not None})

    def cancel_task(self, task_uuid: str) -> Any:
        return self._ask("DELETE", f"{PATH}/{task_uuid}")

    def list_task_steps(self, task_uuid: str) -> Any:
        return self._ask("GET", f"{PATH}/{task_uuid}/workflow_steps")

    def get_step(self, task_uuid: str, step_uuid: str) -> Any:
        return self._ask("GET", f"{PATH}/{task_uuid}/workflow_steps/{step_uuid}")

    def get_step_audit_history(self, task_uuid: str, step_uuid: str) -> Any:
        return self._ask("GET", f"{PATH}/{task_uuid}/workflow_steps/{step_uuid}/audit")

    def health_check(self) -> Any:
        return self._ask("GET", "/health")

    def _ask(self, method: str, path: str, **about: Any) -> Any:
        client = HttpClient(os.environ.get("TASKER_ORCHESTRATION_URL", URL_DEFAULT))
        response = client.request(method, path, **about)
        if response.ok:
            return response.body
        message = f"{method} {path} answered {response.status_code}: {response.excerpt()}"
        if response.is_retryable:
            raise RetryableError(message, retry_after=response.retry_after)
        raise PermanentError(message, error_code=f"HTTP_{response.status_code}")
