"""Says which failures are worth another try, and how long to wait for it."""

from stephost import PermanentError, RetryableError, StepContext, StepHandler, StepHandlerResult


class ChargeCard(StepHandler):
    handler_name = "examples.charge_card"

    def call(self, context: StepContext) -> StepHandlerResult:
        card = context.get_input("card")
        if card == "declined":
            raise PermanentError("the card was declined", error_code="DECLINED")
        if card == "busy":
            raise RetryableError("the bank is busy", retry_after=30)
        if card == "flaky" and not context.is_retry():
            raise RetryableError("the flaky card failed")
        return self.success({"charge_id": f"ch_{context.task_uuid}", "last_try": context.is_last_retry()})
