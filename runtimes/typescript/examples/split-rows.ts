// The first step of a batch: divides the rows among workers.

import { BatchableStepHandler, type StepContext, type StepHandlerResult } from 'stephost'

export class SplitRows extends BatchableStepHandler {
  static override handlerName = 'examples.split_rows'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const rows = context.getInputOr('rows', 0)
    if (rows === 0) return this.noBatchesResult('no rows')
    return this.batchSuccess('process_rows', this.createCursorConfigs(rows, context.getInputOr('workers', 1)))
  }
}
