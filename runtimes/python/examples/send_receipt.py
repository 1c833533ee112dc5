"""Domain events: the step's own publisher shapes the event that the template declares, a subscriber hears of it."""

from typing import Any

from stephost import BasePublisher, BaseSubscriber, PublishContext, StepContext, StepHandler


class SendReceipt(StepHandler):
    handler_name = "examples.send_receipt"

    def call(self, context: StepContext) -> dict[str, str]:
        return {"email": context.get_input("email")}


class ReceiptPublisher(BasePublisher):
    publisher_name = "receipt_publisher"

    def should_publish(self, ctx: PublishContext) -> bool:
        email: str = ctx.step_result.result["email"]
        return not email.endswith("@example.invalid")

    def transform_payload(self, ctx: PublishContext) -> dict[str, str]:
        return {"to": ctx.step_result.result["email"]}

    def additional_metadata(self, ctx: PublishContext) -> dict[str, Any]:
        return {"channel": "email"}


class ReceiptLog(BaseSubscriber):
    @classmethod
    def subscribes_to(cls) -> list[str]:
        return ["receipt.*"]

    def handle(self, event: dict[str, Any]) -> None:
        self.logger.info("receipt sent to %s", event["business_payload"]["to"])
