// Asks an HTTP service; its answer decides whether a failure is worth another try.

import { ApiHandler, type StepContext, type StepHandlerResult } from 'stephost'

export class ConvertCurrency extends ApiHandler {
  static override handlerName = 'examples.convert_currency'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const [from, to, status] = ['from', 'to', 'status'].map((field) => context.getInput<string>(field))
    const response = await this.get(status === undefined ? '/echo' : `/status/${status}`, { from, to })
    // 404 fails for good, 429 and 503 are tried again, after `Retry-After` if there is one.
    if (!response.ok) return this.apiFailure(response)
    const { query } = response.body as { query: object }
    return this.apiSuccess(response, { ...query, status: response.statusCode })
  }
}
