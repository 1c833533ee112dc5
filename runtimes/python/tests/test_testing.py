"""The testing library, used on the examples as their author would."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stephost import DecisionHandler, StepHandler
from stephost.testing import HandlerRun, build_context, run_batch, run_handler

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name: str, member: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, member)


def test_success() -> None:
    run = run_handler(example("greet", "Greet"), {"name": "Ada"})
    assert run.assert_success(greeting="Hello, Ada!") == {"greeting": "Hello, Ada!"}


def test_failures() -> None:
    charge = example("charge_card", "ChargeCard")
    run_handler(example("greet", "Greet")).assert_fails_permanently("blank", code="NAME_MISSING")
    run_handler(charge, {"card": "busy"}).assert_fails_retryably("busy", after=30)
    run_handler(charge, {"card": "flaky"}, attempts=1).assert_success(last_try=False)


def test_configuration_and_dependencies() -> None:
    item = {"quantity": 1, "unit_price_cents": 100}
    price = run_handler(example("price_order", "PriceOrder"), {"items": [item]}, config={"tax_percent": 7})
    price.assert_success(tax_cents=7)
    reserve = example("reserve_stock", "reserve_stock")
    run = run_handler(reserve, {"warehouse": "north"}, dependencies={"price_order": {"total_cents": 5}})
    run.assert_success(reserved_cents=5)


def test_decisions_checkpoints_and_batches_of_rows() -> None:
    route = example("route_approval", "RouteApproval")
    run_handler(route, {"amount_cents": 20_000}).assert_decides_on("manager_approval")
    run_handler(route, {"amount_cents": 1}).assert_decides_on()
    inputs = {"cursor": {"batch_id": "001", "start_cursor": 0, "end_cursor": 4, "batch_size": 4}}
    run = run_handler(example("process_rows", "ProcessRows"), inputs=inputs, config={"yield_every": 2})
    run.assert_yields_checkpoint(2, items_processed=2)
    rows = run_batch(example("insert_rows", "InsertRows"), [{"row": 1}, {"row": -1}])
    assert [row.success for row in rows] == [True, False]


def test_mistakes() -> None:
    class Misused(StepHandler):
        def call(self, context: Any) -> Any:
            return self.failure()  # type: ignore[call-arg]

    run_handler(Misused).assert_fails_permanently("'message'", code="HANDLER_MISTAKE")

    class Routed(DecisionHandler):
        def call(self, context: Any) -> Any:
            return self.decision_success(context.get_input("steps"))

    run_handler(Routed, {"steps": 5}).assert_fails_permanently("not iterable", code="HANDLER_MISTAKE")
    run_handler(Routed, {"steps": []}).assert_fails_permanently("step names", code="INVALID_DECISION_OUTCOME")

    class Own(StepHandler):
        def call(self, context: Any) -> Any:
            return [*context.get_input("rows")]

    run_handler(Own, {"rows": 5}).assert_fails_retryably("int")
    with pytest.raises(ValueError, match="nobody"):
        run_handler(Misused, method="nobody")


@pytest.mark.parametrize(
    "check",
    [
        lambda run: run.assert_success(),
        lambda run: run.assert_fails_retryably(),
        lambda run: run.assert_fails_permanently("other words"),
        lambda run: run.assert_fails_permanently(code="OTHER"),
        lambda run: run.assert_decides_on("a"),
        lambda run: run.assert_yields_checkpoint(1),
    ],
)
def test_assertions_can_fail(check: Any) -> None:
    run: HandlerRun = run_handler(example("greet", "Greet"))
    with pytest.raises(AssertionError, match="expected"):
        check(run)


def test_checkpoints_of_a_context_are_recorded() -> None:
    context = build_context()
    context.save_checkpoint(cursor=1, items_processed=1)
    assert context.recorded_checkpoints == [{"cursor": 1, "items_processed": 1}]


def test_fixtures_in_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["stephost.testing.fixtures"]\n')
    (tmp_path / "test_greet.py").write_text(
        "from stephost import StepHandler\n\n\n"
        "class Greet(StepHandler):\n    def call(self, context):\n        return {'n': context.get_input('n')}\n\n\n"
        "def test_greet(run_handler, build_context, run_batch):\n    run_handler(Greet, {'n': 1}).assert_success(n=1)\n"
    )
    source = str(Path(__file__).parent.parent / "src")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True, check=False)
    assert "1 passed" in ran.stdout, ran.stdout
