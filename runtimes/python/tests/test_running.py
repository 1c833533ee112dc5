"""What the process does while calls run: announcements, logs, checkpoints, stopping, forks, the watch."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from support import STEP_UUID, WAIT_S, RuntimeProcess, execute, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLERS = """
import asyncio, ctypes, logging, os, signal, subprocess, sys, threading, time
from stephost import CheckpointNotStored, StepHandler

def sockets():
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass
    return [link for link in links if link.startswith("socket:")]

class Work(StepHandler):
    handler_name = "work"
    on_crash = "retry"

    def call(self, context):
        return {}

    def hold(self, context):
        open(context.get_input("started"), "w").close()
        while not os.path.exists(context.get_input("gate")):
            time.sleep(0.005)
        return {"held": True}

    async def hold_async(self, context):
        open(context.get_input("started"), "w").close()
        while not os.path.exists(context.get_input("gate")):
            await asyncio.sleep(0.005)
        return {"held": True}

    def die(self, context):
        os.kill(os.getpid(), signal.SIGKILL)

    def say(self, context):
        for turn in range(3):
            print(context.get_input("word"), turn)
            sys.stderr.write(context.get_input("word") + " error\\n")
            time.sleep(0.002)

    async def say_async(self, context):
        print(context.get_input("word"))
        await asyncio.sleep(0.01)
        print(context.get_input("word"))

    def log(self, context):
        context.logger.warning("two\\nlines", extra={"rows": 12, "odd": 1j})
        logging.getLogger("library").info("by a library")
        logging.getLogger("library").debug("not shown")

    def flood(self, context):
        for line in range(context.get_input("lines")):
            print(line)
        print("x" * 20000)

    def checkpoint(self, context):
        try:
            context.save_checkpoint(cursor=5, items_processed=5, accumulated_results={"sum": 1.0})
        except CheckpointNotStored as error:
            return {"refused": str(error)}
        return {"stored": True}

    async def checkpoint_async(self, context):
        await context.save_checkpoint_async(cursor="a", items_processed=1)
        return {"stored": True}

    def fork(self, context):
        pid = os.fork()
        if pid == 0:
            with open(context.get_input("sockets"), "w") as file:
                file.write(" ".join(sockets()))
            return {"from": "the child"}
        _, status = os.waitpid(pid, 0)
        return {"child ended with": os.waitstatus_to_exitcode(status), "sockets": sockets()}

    def spawn(self, context):
        command = ["sh", "-c", "readlink /proc/self/fd/* | grep socket: || true"]
        return {"sockets": subprocess.run(command, close_fds=False, capture_output=True, text=True).stdout.split()}

    async def leave_task(self, context):
        async def later():
            while not os.path.exists(context.get_input("gate")):
                await asyncio.sleep(0.005)
            print("after the end")
        Work.left = asyncio.create_task(later())

    def keep_lock(self, context):
        child = subprocess.Popen(["sleep", "600"])
        with open(context.get_input("started") + ".part", "w") as file:
            file.write(str(child.pid))
        os.rename(context.get_input("started") + ".part", context.get_input("started"))
        ctypes.PyDLL(None).sleep(600)

    def facts(self, context):
        return {"deadline": context.deadline, "traceparent": context.traceparent}
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "work.py").write_text(HANDLERS)
    processes: list[RuntimeProcess] = []

    def open_process(*options: str) -> RuntimeProcess:
        process = RuntimeProcess("--handlers", str(tmp_path / "handlers"), *options)
        processes.append(process)
        hello = process.receive()
        assert hello["handlers"][0]["on_crash"] == "retry"
        return process

    yield open_process
    for process in processes:
        process.close()


def test_started_is_told_before_the_code_runs(start: Any) -> None:
    process = start()
    process.send(execute("c", "work", method="die"))
    assert process.receive() == {"type": "started", "call_ids": ["c"]}
    assert process.receive() is None


def test_calls_of_one_read_are_announced_together_and_wait_for_threads(start: Any, tmp_path: Path) -> None:
    process = start("--threads", "1", "--max-in-flight", "4")
    gate = {"gate": str(tmp_path / "gate"), "started": str(tmp_path / "started")}
    calls = [execute(name, "work", gate, method="hold") for name in ("a", "b", "c")]
    process.send_together(calls)
    notices = [process.receive(), process.receive()]
    assert {"type": "started", "call_ids": ["a"]} in notices
    assert {"type": "accepted", "call_ids": ["b", "c"]} in notices
    wait_for(tmp_path / "started")
    process.send({"type": "cancel", "call_id": "b", "reason": "shutdown", "grace_ms": 1000})
    given_back = process.receive()
    assert given_back["call_id"] == "b"
    assert given_back["results"][0]["error"]["error_type"] == "cancelled"
    (tmp_path / "gate").touch()
    assert process.receive("heartbeat")["call_id"] == "a"
    assert process.receive("heartbeat") == {"type": "started", "call_ids": ["c"]}
    assert process.receive("heartbeat")["call_id"] == "c"


def test_async_handlers_need_no_thread(start: Any, tmp_path: Path) -> None:
    process = start("--threads", "1", "--max-in-flight", "8")
    gate = str(tmp_path / "gate")
    for number in range(5):
        mark = {"gate": gate, "started": str(tmp_path / f"started{number}")}
        process.send(execute(f"c{number}", "work", mark, method="hold_async"))
    for number in range(5):
        wait_for(tmp_path / f"started{number}")
    (tmp_path / "gate").touch()
    assert {process.result()["call_id"] for _ in range(5)} == {f"c{number}" for number in range(5)}


@pytest.mark.parametrize("method", ["say", "say_async"])
def test_each_line_names_its_step(start: Any, method: str) -> None:
    process = start()
    for word in ("red", "blue"):
        message = execute(word, "work", {"word": word}, method=method)
        message["requests"][0]["step_uuid"] = word
        process.send(message)
    finished = 0
    said: dict[str, list[str]] = {"red": [], "blue": []}
    while finished < 2:
        message = process.receive("started")
        if message["type"] == "log":
            said[message["step_uuid"]].append(f"{message['level']} {message['message']}")
        else:
            finished += 1
    for word, lines in said.items():
        assert lines
        assert all(word in line for line in lines)
        if method == "say":
            assert lines == [
                f"{level} {word} {end}" for n in range(3) for level, end in (("info", n), ("warn", "error"))
            ]


def test_log_records_carry_level_and_fields(start: Any) -> None:
    process = start()
    process.send(execute("c", "work", method="log"))
    records = []
    while (message := process.receive("started"))["type"] == "log":
        records.append((message["stream"], message["level"], message["message"], message["fields"]))
        assert message["step_uuid"] == STEP_UUID
    fields = '{"rows":"12","odd":"1j"}'
    assert records == [
        ("log", "warn", "two", fields),
        ("log", "warn", "lines", fields),
        ("log", "info", "by a library", None),
    ]


def test_lines_above_the_rate_are_dropped_and_counted(start: Any) -> None:
    process = start("--log-lines-per-second", "10")
    process.send(execute("c", "work", {"lines": 500}, method="flood"))
    lines = 0
    while (message := process.receive("started"))["type"] == "log":
        lines += 1
    assert message["results"][0]["success"] is True
    assert lines <= 20
    # The count comes as soon as there is room for a line.
    assert "491 lines dropped: more than 10 in a second" in process.receive("heartbeat")["message"]


def test_a_long_line_is_cut(start: Any) -> None:
    process = start()
    process.send(execute("c", "work", {"lines": 0}, method="flood"))
    line = process.receive("started")["message"]
    assert len(line.encode()) <= 8192
    assert line.endswith("bytes)")


@pytest.mark.parametrize(
    ("stored", "result"), [(True, {"stored": True}), (False, {"refused": "the claim is not ours any more"})]
)
def test_a_checkpoint_waits_for_the_host(start: Any, stored: bool, result: Any) -> None:
    process = start()
    process.send(execute("c", "work", method="checkpoint"))
    message = process.receive("started")
    assert (message["type"], message["call_id"], message["step_uuid"]) == ("checkpoint", "c", STEP_UUID)
    assert message["data"] == '{"cursor":5,"items_processed":5,"accumulated_results":{"sum":1.0}}'
    answer = {"type": "checkpointed", "call_id": "c", "checkpoint_id": message["checkpoint_id"], "stored": stored}
    process.send(answer | {"message": None if stored else "the claim is not ours any more"})
    assert json.loads(process.receive("heartbeat")["results"][0]["result"]) == result


def test_an_async_checkpoint(start: Any) -> None:
    process = start()
    process.send(execute("c", "work", method="checkpoint_async"))
    checkpoint_id = process.receive("started")["checkpoint_id"]
    process.send({"type": "checkpointed", "call_id": "c", "checkpoint_id": checkpoint_id, "stored": True})
    assert process.receive("heartbeat")["results"][0]["success"] is True


def test_a_forked_child_gives_up_the_wire_and_ends_without_a_result(start: Any, tmp_path: Path) -> None:
    """Field note 6: libraries fork; what returns there must not become a second result."""
    process = start()
    held = tmp_path / "sockets"
    result = json.loads(process.run("work", {"sockets": str(held)}, method="fork")["result"])
    assert result["child ended with"] == 0
    assert len(result["sockets"]) == 2
    assert not set(result["sockets"]) & set(held.read_text().split())
    process.send({"type": "ping", "nonce": 1})
    assert process.receive("heartbeat") == {"type": "pong", "nonce": 1}


def test_programs_that_handlers_start_inherit_neither_wire_nor_watch(start: Any) -> None:
    """Field note 6."""
    assert json.loads(start().run("work", method="spawn")["result"]) == {"sockets": []}


def test_what_is_printed_after_the_end_of_a_step_is_not_its_own(start: Any, tmp_path: Path) -> None:
    process = start()
    assert process.run("work", {"gate": str(tmp_path / "gate")}, method="leave_task")["success"] is True
    (tmp_path / "gate").touch()
    assert process.process.stdout is not None
    assert select.select([process.process.stdout], [], [], WAIT_S)[0], "the line did not come on descriptor 1"
    assert process.process.stdout.readline() == b"after the end\n"


def test_reload_finishes_what_is_held_and_exits(start: Any, tmp_path: Path) -> None:
    process = start()
    gate = {"gate": str(tmp_path / "gate"), "started": str(tmp_path / "started")}
    process.send(execute("c", "work", gate, method="hold"))
    wait_for(tmp_path / "started")
    process.send({"type": "reload"})
    (tmp_path / "gate").touch()
    assert process.result()["call_id"] == "c"
    assert process.receive("heartbeat") is None
    assert process.process.wait(WAIT_S) == 0


def test_an_execute_after_reload_is_a_violation(start: Any, tmp_path: Path) -> None:
    process = start()
    gate = {"gate": str(tmp_path / "gate"), "started": str(tmp_path / "started")}
    process.send(execute("c", "work", gate, method="hold"))
    process.send({"type": "reload"})
    process.send(execute("d", "work"))
    assert process.result()["code"] == "unexpected_message"


def test_heartbeats_come_while_calls_run(start: Any, tmp_path: Path) -> None:
    process = start()
    gate = {"gate": str(tmp_path / "gate"), "started": str(tmp_path / "started")}
    process.send(execute("c", "work", gate, method="hold"))
    assert process.receive("started") == {"type": "heartbeat", "in_flight": 1}
    (tmp_path / "gate").touch()
    assert process.result()["call_id"] == "c"


def test_the_watch_answers_while_a_handler_keeps_the_lock_and_ends_the_group(start: Any, tmp_path: Path) -> None:
    """Field notes 7, 8 and 14."""
    process = start()
    mark = tmp_path / "started"
    process.send(execute("c", "work", {"started": str(mark)}, method="keep_lock"))
    wait_for(mark)
    child = int(mark.read_text())
    process.watch.sendall(b"12345678")
    assert process.watch.recv(8, socket.MSG_WAITALL) == b"12345678"
    process.watch.close()
    assert process.process.wait(WAIT_S) == -signal.SIGKILL
    while os.path.exists(f"/proc/{child}/cmdline") and open(f"/proc/{child}/cmdline").read():  # noqa: SIM115
        os.sched_yield()


def test_deadline_and_traceparent(start: Any) -> None:
    process = start()
    message = execute("c", "work", method="facts") | {"traceparent": "00-1-2-01"}
    process.send(message)
    facts = json.loads(process.result()["results"][0]["result"])
    assert facts["traceparent"] == "00-1-2-01"
    assert 0 < facts["deadline"] <= 1


def test_ignored_names_are_not_loaded(tmp_path: Path) -> None:
    for name in ("kept.py", "left_out_test.py", "spec/inner.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("from stephost import StepHandler\nclass A(StepHandler):\n    def call(self, c): ...\n")
    process = RuntimeProcess("--handlers", str(tmp_path), "--ignore", "*_test.py", "--ignore", "spec")
    assert [handler["callable"] for handler in process.receive()["handlers"]] == ["kept.A"]
    assert process.finish()[0] == 0
