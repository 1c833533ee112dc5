"""The real process behind its wire and its watch, and the shared vectors: tests speak raw msgpack, as a host does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgpack

PACKAGE = Path(__file__).parent.parent
VECTORS = PACKAGE.parent.parent / "proto" / "wire" / "vectors"
PINGER = PACKAGE.parent.parent / "build" / "pinger.so"
WAIT_S = 20
WIRE = 3
WATCH = 4
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
        "traceparent": None,
        "requests": [request(callable_name, task_context, **rest)],
    }


def wait_for(path: Path) -> None:
    """Returns when a handler has made the file."""
    ends_at = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < ends_at, f"{path} did not appear"
        time.sleep(0.005)


class RuntimeProcess:
    """`python -m stephost` with a wire on descriptor 3 and a watch on 4; `finish` ends it."""

    def __init__(self, *arguments: str) -> None:
        self.wire, wire = socket.socketpair()
        self.watch, watch = socket.socketpair()
        self.wire.settimeout(WAIT_S)
        self.watch.settimeout(WAIT_S)
        self._reader = self.wire.makefile("rb")
        # Both ends of a socket may be found non-blocking; the watch must not take that for the end of the host.
        watch.setblocking(False)
        descriptors = ["--wire-descriptor", str(WIRE), "--watch-descriptor", str(WATCH)]
        library = ["--watch-library", str(PINGER)] if PINGER.exists() else []
        self.process = _spawn([*descriptors, *library, *arguments], wire, watch)
        wire.close()
        watch.close()

    def send(self, message: dict[str, Any]) -> None:
        self.send_payload(msgpack.packb(message))

    def send_payload(self, payload: bytes) -> None:
        self.wire.sendall(len(payload).to_bytes(4, "big") + payload)

    def send_together(self, messages: list[dict[str, Any]]) -> None:
        """All of them in one write."""
        payloads = [msgpack.packb(message) for message in messages]
        self.wire.sendall(b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads))

    def receive(self, *skipped: str) -> Any:
        """The next message that is none of the types `skipped`; None at the end of the stream."""
        while True:
            header = self._reader.read(4)
            if not header:
                return None
            message = msgpack.unpackb(self._reader.read(int.from_bytes(header, "big")))
            if message["type"] not in skipped:
                return message

    def result(self) -> Any:
        """The next message that is no notice on the way to a result."""
        return self.receive("started", "accepted", "log", "heartbeat")

    def run(self, callable_name: str, task_context: Any = None, **options: Any) -> dict[str, Any]:
        """Runs one step and gives its entry."""
        self.send(execute("call", callable_name, task_context, **options))
        entry: dict[str, Any] = self.result()["results"][0]
        return entry

    def finish(self) -> tuple[int, str]:
        """Closes the wire and waits for the end: exit code and what was printed."""
        self.wire.shutdown(socket.SHUT_WR)
        output, errors = self.process.communicate(timeout=WAIT_S)
        self.close()
        return self.process.returncode, (output + errors).decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._reader.close()
        self.wire.close()
        self.watch.close()


def _spawn(arguments: list[str], wire: socket.socket, watch: socket.socket) -> subprocess.Popen[bytes]:
    """A leader of its own group, with the sockets under the numbers that a host gives."""
    launcher = (
        "import os, sys; wire, watch = map(int, sys.argv[1:3]); "
        f"wire = os.dup2(wire, 100); watch = os.dup2(watch, 101); os.dup2(wire, {WIRE}); os.dup2(watch, {WATCH}); "
        "os.closerange(5, 102); os.execv(sys.executable, [sys.executable, '-m', 'stephost', *sys.argv[3:]])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", launcher, str(wire.fileno()), str(watch.fileno()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(wire.fileno(), watch.fileno()),
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE / "src")},
    )
