"""Models of pydantic where a handler uses them: typed inputs, typed results of other steps, and models as results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from stephost import StepContext, StepHandler
from stephost.functional import depends_on, inputs, step_handler
from stephost.testing import run_handler


class Order(BaseModel):
    sku: str
    quantity: int = 1


class Price(BaseModel):
    total: float


@dataclass
class Parcel:
    sku: str
    weight: float


@step_handler("models.price")
@inputs(Order)
@depends_on(price=("price_order", Price))
def price_of(inputs: Order, price: Price) -> Price:
    return Price(total=price.total * inputs.quantity)


def test_models_in_and_out() -> None:
    about: dict[str, Any] = {"dependencies": {"price_order": {"total": 2.5}}}
    run = run_handler(price_of, {"sku": "a", "quantity": 2, "unknown": True}, **about)
    assert run.assert_success() == {"total": 5.0}
    assert run_handler(price_of, {"sku": "a"}, **about).assert_success() == {"total": 2.5}


def test_what_does_not_fit_the_model_fails_with_its_words() -> None:
    run = run_handler(price_of, {"quantity": "many"}, dependencies={"price_order": {"total": 1}})
    run.assert_fails_permanently("the task does not fit Order")
    assert run.error["error_type"] == "validation_error"
    assert all(field in run.error["message"] for field in ("sku", "quantity", "models.price"))


def test_models_as_results() -> None:
    class Ship(StepHandler):
        def call(self, context: StepContext) -> Any:
            parcel = context.get_input("parcel")
            return Parcel("a", 1.5) if parcel else self.success(Order(sku="a"))

    assert run_handler(Ship, {"parcel": True}).assert_success() == {"sku": "a", "weight": 1.5}
    assert run_handler(Ship).assert_success() == {"sku": "a", "quantity": 1}
