"""The real process behind two pipes, and the shared vectors: tests speak raw msgpack, as a host does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack

PACKAGE = Path(__file__).parent.parent
VECTORS = PACKAGE.parent.parent / "proto" / "wire" / "vectors"
WAIT_S = 20
TASK_UUID = "00000000-0000-7000-8000-000000000001"
STEP_UUID = "00000000-0000-7000-8000-000000000002"


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def vector_bytes(parts: list[Any]) -> bytes:
    """`parts` are hexadecimal strings and `{"repeat", "times"}`."""
    texts = (part["repeat"] * part["times"] if isinstance(part, dict) else part for part in parts)
    return bytes.fromhex("".join(texts))


def vector_value(typed: dict[str, Any]) -> Any:
    """`typed` is `{"int": "1"}` and the like."""
    kind, content = next(iter(typed.items()))
    if kind == "nil":
        return None
    if kind == "int":
        return int(content)
    if kind == "array":
        return [vector_value(item) for item in content]
    if kind == "map":
        return {key: vector_value(item) for key, item in content}
    return content


def request(
    callable_name: str,
    task_context: Any = None,
    *,
    initialization: dict[str, Any] | None = None,
    step: dict[str, Any] | None = None,
    dependencies: dict[str, Any] | None = None,
) -> dict[str, Any]:
    task = {"task": {"task_uuid": TASK_UUID, "context": task_context}, "task_name": "order"}
    handler = {"callable": callable_name, "initialization": initialization or {}}
    return {
        "step_uuid": STEP_UUID,
        "task_uuid": TASK_UUID,
        "correlation_id": TASK_UUID,
        "step_name": "step",
        "attempts": 0,
        "task": json.dumps(task),
        "workflow_step": json.dumps({"workflow_step_uuid": STEP_UUID, "name": "step", **(step or {})}),
        "dependency_results": json.dumps(dependencies or {}),
        "step_definition": json.dumps({"name": "step", "handler": handler}),
    }


def execute(
    call_id: str,
    callable_name: str,
    task_context: Any = None,
    *,
    method: str | None = None,
    resolver: str | None = None,
    **rest: Any,
) -> dict[str, Any]:
    return {
        "type": "execute",
        "call_id": call_id,
        "mode": "single",
        "callable": callable_name,
        "method": method,
        "resolver": resolver,
        "deadline_ms": 1000,
        "requests": [request(callable_name, task_context, **rest)],
    }


class RuntimeProcess:
    """`python -m stephost` with pipes; `finish` ends it."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE / "src")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stephost", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def send(self, message: dict[str, Any]) -> None:
        self.send_payload(msgpack.packb(message))

    def send_payload(self, payload: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(len(payload).to_bytes(4, "big") + payload)
        self.process.stdin.flush()

    def receive(self) -> Any:
        """The next message; None at the end of the stream."""
        assert self.process.stdout is not None
        header = self.process.stdout.read(4)
        return msgpack.unpackb(self.process.stdout.read(int.from_bytes(header, "big"))) if header else None

    def run(self, callable_name: str, task_context: Any = None, **options: Any) -> dict[str, Any]:
        """Runs one step and gives its entry."""
        self.send(execute("call", callable_name, task_context, **options))
        entry: dict[str, Any] = self.receive()["results"][0]
        return entry

    def finish(self) -> tuple[int, str]:
        """Closes the input and waits for the end: exit code and what was printed."""
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors.decode()
