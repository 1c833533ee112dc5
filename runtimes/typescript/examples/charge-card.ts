// Says which failures are worth another try, and how long to wait for it.

import { PermanentError, RetryableError, type StepContext, StepHandler, type StepHandlerResult } from 'stephost'

export class ChargeCard extends StepHandler {
  static override handlerName = 'examples.charge_card'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const card = context.getInput<string>('card')
    if (card === 'declined') throw new PermanentError('the card was declined', 'DECLINED')
    if (card === 'busy') throw new RetryableError('the bank is busy', { retryAfter: 30 })
    if (card === 'flaky' && !context.isRetry()) throw new RetryableError('the flaky card failed')
    return this.success({ charge_id: `ch_${context.taskUuid}`, last_try: context.isLastRetry() })
  }
}
