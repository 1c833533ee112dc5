"""A decision: the amount says which people have to approve."""

from stephost import DecisionMixin, StepContext, StepHandler, StepHandlerResult


class RouteApproval(StepHandler, DecisionMixin):
    handler_name = "examples.route_approval"

    def call(self, context: StepContext) -> StepHandlerResult:
        amount_cents = context.get_input("amount_cents")
        about = {"amount_cents": amount_cents}
        if amount_cents < 10_000:
            return self.skip_branches("below the limit", about)
        approvals = ["manager_approval"]
        if amount_cents >= 100_000:
            approvals.append("finance_approval")
        return self.decision_success(approvals, about)
