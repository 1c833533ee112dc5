"""Adds up an order; the tax comes from `initialization` in the template."""

from stephost import ErrorType, StepContext, StepHandler, StepHandlerResult


class PriceOrder(StepHandler):
    handler_name = "examples.price_order"

    def call(self, context: StepContext) -> StepHandlerResult:
        items = context.get_input_or("items", [])
        if not items:
            return self.failure(
                "the order has no items", ErrorType.VALIDATION_ERROR, retryable=False, error_code="NO_ITEMS"
            )
        net_cents = sum(item["quantity"] * item["unit_price_cents"] for item in items)
        tax_cents = (net_cents * (context.get_config("tax_percent") or 0) + 50) // 100
        return self.success({"net_cents": net_cents, "tax_cents": tax_cents, "total_cents": net_cents + tax_cents})
