"""The real process: hello, steps, cancel, limits, and what it does with its descriptors and its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support import STEP_UUID, RuntimeProcess, execute, request, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLERS = '''
import asyncio, ctypes, os, subprocess, sys, threading
from stephost import PermanentError, StepHandler

class Echo(StepHandler):
    handler_name = "echo"

    def call(self, context):
        return self.success({"value": context.get_input("value")}, {"handled": True})

    async def later(self, context):
        await asyncio.sleep(0)
        return {"later": context.get_config("by")}

    def grow(self, context):
        return {"text": "x" * context.get_input("chars")}

    def stop(self, context):
        sys.exit("enough")

    async def stop_later(self, context):
        sys.exit(4)

    def deny(self, context):
        raise PermanentError("denied", error_code="NO")

class Gate(StepHandler):
    """Tells by file that it runs, then waits for its cancel."""

    def call(self, context):
        open(context.get_input("started"), "w").close()
        while not context.cancelled:
            threading.Event().wait(0.01)
        return {"cancelled": True}

    async def wait(self, context):
        open(context.get_input("started"), "w").close()
        await asyncio.Event().wait()

    async def persist(self, context):
        open(context.get_input("started"), "w").close()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"cleaned": True}

class Noise(StepHandler):
    def call(self, context):
        print("by", "print")
        os.write(1, b"by descriptor\\n")
        libc = ctypes.CDLL(None)
        libc.puts(b"by C")
        libc.fflush(None)
        subprocess.run(["sh", "-c", "echo by child; readlink /proc/self/fd/*"])
        print("unfinished", end="")
        return {"stdin": sys.stdin.read()}
'''


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[RuntimeProcess]:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "work.py").write_text(HANDLERS)
    (tmp_path / "handlers" / "broken.py").write_text("def x(:\n")
    process = RuntimeProcess(
        "--handlers", str(tmp_path / "handlers"), "--max-in-flight", "2", "--frame-bytes-max", "100000"
    )
    yield process
    process.close()


@pytest.fixture
def started(runtime: RuntimeProcess) -> RuntimeProcess:
    assert runtime.receive()["type"] == "hello"
    return runtime


def test_hello(runtime: RuntimeProcess, tmp_path: Path) -> None:
    hello = runtime.receive()
    assert hello["protocol"] == 2
    assert hello["watch"] is True
    assert hello["runtime"] == "python"
    assert hello["sdk_version"] == "0.1.0"
    assert hello["pid"] == runtime.process.pid
    assert hello["max_in_flight"] == 2
    assert [handler["callable"] for handler in hello["handlers"]] == ["echo", "work.Gate", "work.Noise"]
    assert hello["load_failures"][0]["file"] == str(tmp_path / "handlers" / "broken.py")
    assert runtime.finish()[0] == 0


def test_steps(started: RuntimeProcess) -> None:
    entry = started.run("echo", {"value": [1.0, 2**63 - 1, 1e16, "é"]})
    assert entry["success"] is True
    assert entry["step_uuid"] == STEP_UUID
    assert entry["result"] == '{"value":[1.0,9223372036854775807,10000000000000000.0,"é"]}'
    assert entry["metadata"] == '{"handled":true}'
    entry = started.run("echo", method="later", initialization={"by": "bus"})
    assert json.loads(entry["result"]) == {"later": "bus"}
    error = started.run("echo", method="deny")["error"]
    assert (error["message"], error["error_code"], error["retryable"]) == ("denied", "NO", False)
    assert "work.py" in error["backtrace"][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"callable_name": "absent"}, "`absent`"),
        ({"callable_name": "echo", "method": "absent"}, "`absent`"),
        ({"callable_name": "echo", "method": "failure"}, "`failure`"),
        ({"callable_name": "echo", "method": "__init__"}, "`__init__`"),
        ({"callable_name": "echo", "resolver": "mine"}, "resolver `mine` is unknown"),
    ],
)
def test_not_found(started: RuntimeProcess, options: dict[str, Any], words: str) -> None:
    error = started.run(**options)["error"]
    assert (error["error_type"], error["retryable"]) == ("handler_not_found", False)
    assert words in error["message"]


def test_exit_ends_the_step_only(started: RuntimeProcess) -> None:
    for method, code in [("stop", "enough"), ("stop_later", "4")]:
        error = started.run("echo", method=method)["error"]
        assert error["retryable"] is False
        assert f"called `exit` ({code})" in error["message"]
    assert started.run("echo", {"value": 1})["success"] is True


@pytest.mark.parametrize(
    ("method", "expected"), [(None, {"cancelled": True}), ("persist", {"cleaned": True}), ("wait", None)]
)
def test_cancel(started: RuntimeProcess, tmp_path: Path, method: str | None, expected: Any) -> None:
    mark = tmp_path / "mark"
    started.send(execute("c1", "Gate", {"started": str(mark)}, method=method))
    wait_for(mark)
    started.send({"type": "cancel", "call_id": "unknown", "reason": "timeout", "grace_ms": 1000})
    started.send({"type": "cancel", "call_id": "c1", "reason": "timeout", "grace_ms": 1000})
    message = started.result()
    assert message["call_id"] == "c1"
    entry = message["results"][0]
    if expected is None:
        assert (entry["error"]["error_type"], entry["error"]["retryable"]) == ("cancelled", True)
    else:
        assert json.loads(entry["result"]) == expected
    started.send({"type": "ping", "nonce": 7})
    assert started.receive() == {"type": "pong", "nonce": 7}


def test_batch_keeps_the_order(started: RuntimeProcess) -> None:
    message = execute("b", "echo") | {"mode": "batch"}
    message["requests"] = [request("echo", {"value": n}) | {"step_uuid": f"s{n}"} for n in range(3)]
    started.send(message)
    entries = started.result()["results"]
    assert [(entry["step_uuid"], entry["result"]) for entry in entries] == [
        (f"s{n}", f'{{"value":{n}}}') for n in range(3)
    ]


def test_output_never_reaches_the_wire(started: RuntimeProcess) -> None:
    """Prints of the step are log messages, everything else goes to descriptors 1 and 2 (field notes 4, 5 and 6)."""
    started.send(execute("call", "Noise"))
    printed = []
    while (message := started.receive("started"))["type"] == "log":
        assert (message["step_uuid"], message["stream"], message["level"]) == (STEP_UUID, "stdout", "info")
        printed.append(message["message"])
    assert printed == ["by print", "unfinished"]
    assert json.loads(message["results"][0]["result"]) == {"stdin": ""}
    code, output = started.finish()
    assert code == 0
    lines = output.splitlines()
    for line in ["by descriptor", "by C", "by child"]:
        assert line in lines
    # The child sees its three standard descriptors and nothing of the wire or the watch.
    assert not any(line.startswith("socket:") for line in lines)


def test_a_result_too_large_for_a_frame(started: RuntimeProcess) -> None:
    message = execute("b", "echo", {"chars": 120_000}, method="grow") | {"mode": "batch"}
    message["requests"] += [request("echo", {"chars": 1}), request("echo", {"chars": 99_999})]
    started.send(message)
    entries = started.result()["results"]
    assert [entry["success"] for entry in entries] == [False, True, False]
    assert entries[0]["error"]["error_type"] == "invalid_result"
    assert "a frame holds 100000" in entries[0]["error"]["message"]


def test_too_many_calls_end_the_session(started: RuntimeProcess, tmp_path: Path) -> None:
    for number in range(3):
        started.send(execute(f"c{number}", "Gate", {"started": str(tmp_path / f"mark{number}")}))
    assert started.result()["code"] == "unexpected_message"
    assert started.receive() is None
    assert started.finish()[0] == 70


@pytest.mark.parametrize(("payload", "code"), [(b"\xc1", "bad_message"), (b"\x81\xa4type\xa1x", "unknown_type")])
def test_violations_end_the_session(started: RuntimeProcess, payload: bytes, code: str) -> None:
    started.send_payload(payload)
    assert started.receive()["code"] == code
    assert started.receive() is None
    exit_code, printed = started.finish()
    assert exit_code == 70
    assert code in printed


def test_an_error_of_the_host_is_shown(started: RuntimeProcess) -> None:
    started.send({"type": "error", "code": "protocol_version", "message": "Upgrade the runtime."})
    code, printed = started.finish()
    assert code == 70
    assert "protocol_version: Upgrade the runtime." in printed


def test_the_end_of_the_input_ends_the_process_at_once(started: RuntimeProcess, tmp_path: Path) -> None:
    started.send(execute("c", "Gate", {"started": str(tmp_path / "mark")}))
    wait_for(tmp_path / "mark")
    assert started.finish()[0] == 0


def test_shutdown(started: RuntimeProcess) -> None:
    started.send({"type": "shutdown"})
    assert started.receive() is None
    assert started.finish()[0] == 0


@pytest.mark.parametrize("arguments", [["--nope", "1"], ["--handlers"], ["--max-in-flight", "0"]])
def test_usage(arguments: list[str]) -> None:
    code, printed = RuntimeProcess(*arguments).finish()
    assert code == 2
    assert "usage: python -m stephost" in printed
