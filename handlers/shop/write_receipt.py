"""Writes the receipt of an order whose stock is reserved and whose card is charged."""

from __future__ import annotations

from typing import Any

from stephost import StepContext, StepHandler, StepHandlerResult


class WriteReceipt(StepHandler):
    """Joins the two branches of the workflow."""

    handler_name = "shop.write_receipt"

    def call(self, context: StepContext) -> StepHandlerResult:
        order: dict[str, Any] = context.get_dependency_result("validate_order")
        payment: dict[str, Any] = context.get_dependency_result("charge_card")
        reservation_id = context.get_dependency_field("reserve_stock", "reservation_id")
        customer: dict[str, Any] = context.get_input("customer")

        text = [f"Receipt for {customer['name']}"]
        text += [f"{line['quantity']} × {line['name']}" for line in order["lines"]]
        text += [f"Total {payment['amount_cents'] / 100:.2f} EUR, paid as {payment['payment_id']}"]
        print(f"receipt sent to {customer['email']}")  # becomes a log line of this step
        return self.success({"text": "\n".join(text), "reservation_id": reservation_id, "send_to": customer["email"]})
