// Handlers that do nothing, and a batch over a thousand rows.
import { BatchableStepHandler, defineHandler, type StepContext, type StepHandlerResult } from 'stephost'

const rows = 1_000
const workers = 5

export const flow = defineHandler('bench.flow', {}, async () => ({ ok: true }))

export class AnalyzeRows extends BatchableStepHandler {
  static override handlerName = 'bench.analyze_rows'

  async call(_context: StepContext): Promise<StepHandlerResult> {
    return this.batchSuccess('work', this.createCursorConfigs(rows, workers))
  }
}
