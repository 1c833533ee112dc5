// A decision: the amount says which people have to approve.

import { DecisionHandler, type StepContext, type StepHandlerResult } from 'stephost'

export class RouteApproval extends DecisionHandler {
  static override handlerName = 'examples.route_approval'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const amount = context.getInputOr('amount_cents', 0)
    const about = { amount_cents: amount }
    if (amount < 10_000) return this.skipBranches('below the limit', about)
    const approvals = amount < 100_000 ? ['manager_approval'] : ['manager_approval', 'finance_approval']
    return this.decisionSuccess(approvals, about)
  }
}
