// A worker of a batch: does its share, and may put down how far it came to go on from there.

import {
  BatchableStepHandler,
  type BatchWorkerContext,
  PermanentError,
  type StepContext,
  type StepHandlerResult,
} from 'stephost'

export class ProcessRows extends BatchableStepHandler {
  static override handlerName = 'examples.process_rows'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const noOp = this.handleNoOpWorker(context)
    if (noOp !== null) return noOp
    const batch = this.getBatchContext(context)
    if (batch === null) throw new PermanentError('this step is no batch worker')
    return this.#process(batch, context.getConfig<number>('yield_every') ?? batch.endCursor)
  }

  #process(batch: BatchWorkerContext, yieldEvery: number): StepHandlerResult {
    const start = Number(batch.checkpointCursor ?? batch.startCursor)
    const end = Math.min(start + yieldEvery, batch.endCursor)
    let { sum } = (batch.accumulatedResults ?? { sum: 0 }) as { sum: number }
    for (let row = start; row < end; row += 1) sum += row
    const done = end - batch.startCursor
    if (end < batch.endCursor) return this.checkpointYield(end, done, { sum })
    return this.batchWorkerSuccess(this.createWorkerOutcome(done, done, 0, 0, { results: { sum }, lastCursor: end }))
  }
}
