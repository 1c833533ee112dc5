# A decision: the amount says which people have to approve.
require "stephost"

class RouteApproval < Stephost::StepHandler::Base
  include Stephost::StepHandler::Mixins::Decision

  def handler_name = "examples.route_approval"

  def call(context)
    amount_cents = context.get_input("amount_cents")
    about = {amount_cents: amount_cents}
    return skip_branches(result_data: {reason: "below the limit", **about}) if amount_cents < 10_000

    approvals = ["manager_approval"]
    approvals << "finance_approval" if amount_cents >= 100_000
    decision_success(steps: approvals, result_data: about)
  end
end
