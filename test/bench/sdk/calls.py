"""What the Python SDK adds to a call: a step from its request to its entry, against the same work in a bare function.

Prints {"import_ms", "bare_us", "sdk_us"}; medians of rounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "runtimes/python/src"))
started = time.perf_counter()
import stephost  # noqa: E402

IMPORT_MS = (time.perf_counter() - started) * 1000

import json  # noqa: E402
import statistics  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from stephost.cancellation import Cancellation  # noqa: E402
from stephost.handler import Handler  # noqa: E402
from stephost.step_run import StepRun  # noqa: E402
from stephost.target import Target  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15
CALLS = 5_000
NAMES = {"task_name": "t", "task_version": "1", "namespace_name": "n"}
TASK = json.dumps({"task": {"task_uuid": "t", "context": {"name": "Ada"}}, **NAMES})
REQUEST = {
    "step_uuid": "s", "task_uuid": "t", "correlation_id": "c", "step_name": "greet", "attempts": 0,
    "task": TASK, "workflow_step": "{}", "dependency_results": "{}", "step_definition": "{}",
}


class Greet(stephost.StepHandler):
    def call(self, context: stephost.StepContext) -> Any:
        return self.success({"greeting": f"Hello, {context.get_input('name')}!"})


def bare() -> str:
    return json.dumps({"greeting": f"Hello, {json.loads(TASK)['task']['context']['name']}!"})


def microseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            work()
        times.append((time.perf_counter() - begun) * 1e6 / CALLS)
    return statistics.median(times)


# As much of a call as a step needs.
CALL: Any = SimpleNamespace(target=Target(Handler(Greet, "greet.py", "handlers"), "call"), cancellation=Cancellation())
FIGURES = {
    "import_ms": IMPORT_MS,
    "bare_us": microseconds(bare),
    "sdk_us": microseconds(lambda: StepRun(CALL, REQUEST).entry()),
}
print(json.dumps({name: round(value, 2) for name, value in FIGURES.items()}))
