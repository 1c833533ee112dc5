"""The decorators: what a function receives and what it may return."""

from __future__ import annotations

import dataclasses
from typing import Any

from stephost import StepContext
from support import request
from tasker_core.step_handler.functional import depends_on, inputs, step_handler


@dataclasses.dataclass
class Order:
    customer: str
    total: float = 0.0


def run(function: Any, task_context: dict[str, Any], dependencies: dict[str, Any] | None = None) -> Any:
    message = request("f", task_context, dependencies=dependencies or {})
    return function._handler_class().call(StepContext.from_request(message, "f"))


def test_dependencies_inputs_and_context() -> None:
    @step_handler("f", version="2.0.0")
    @depends_on(cart="make_cart", order=("make_order", Order))
    @inputs("customer", "absent")
    def function(cart: Any, order: Order, customer: str, absent: Any, context: StepContext) -> Any:
        return [cart, order, customer, absent, context.handler_name]

    dependencies = {"make_cart": {"result": 7}, "make_order": {"result": {"customer": "Ada", "total": 1.5}}}
    assert run(function, {"customer": "Bob"}, dependencies) == [7, Order("Ada", 1.5), "Bob", None, "f"]
    handler_class: Any = vars(function)["_handler_class"]
    assert (handler_class.handler_name, handler_class.handler_version) == ("f", "2.0.0")
    assert function(1, Order("Ada"), "a", None, run_context()) == [1, Order("Ada"), "a", None, "f"]


def run_context() -> StepContext:
    return StepContext.from_request(request("f"), "f")


def test_a_model_takes_the_fields_it_knows() -> None:
    @step_handler("f")
    @inputs(Order)
    def function(inputs: Order) -> Order:
        return inputs

    assert run(function, {"customer": "Ada", "other": 1}) == Order("Ada")
