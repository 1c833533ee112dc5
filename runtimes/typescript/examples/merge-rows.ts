// The last step of a batch: brings together what the workers did, if there were any.

import { BatchableStepHandler, type StepContext, type StepHandlerResult } from 'stephost'

export class MergeRows extends BatchableStepHandler {
  static override handlerName = 'examples.merge_rows'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const scenario = this.detectAggregationScenario(context.dependencyResults, 'split_rows', 'process_rows_')
    return this.aggregateBatchWorkerResults(scenario, { total: 0 }, (batchResults) => {
      const workers = Object.values(batchResults) as { results: { sum: number } }[]
      return { total: workers.reduce((total, worker) => total + worker.results.sum, 0) }
    })
  }
}
