// Handlers of the workflows that the end-to-end test of orchestration runs; what they do is written into files of the task's directory.
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BatchableStepHandler,
  DecisionHandler,
  PermanentError,
  RetryableError,
  type StepContext,
  StepHandler,
  type StepHandlerResult,
} from 'stephost'

const fileOf = (context: StepContext, name: string) => join(String(context.getInput('directory')), name)
const note = (context: StepContext, name: string, line: string) => appendFileSync(fileOf(context, name), `${line}\n`)

export class Quick extends StepHandler {
  static override handlerName = 'flow.quick'

  async call(context: StepContext): Promise<StepHandlerResult> {
    return this.success({ parents: Object.keys(context.dependencyResults).toSorted() })
  }
}

export class Choose extends DecisionHandler {
  static override handlerName = 'flow.choose'

  async call(context: StepContext): Promise<StepHandlerResult> {
    return this.decisionSuccess(context.getInputOr<string[]>('branches', []))
  }
}

export class Split extends BatchableStepHandler {
  static override handlerName = 'flow.split'

  async call(context: StepContext): Promise<StepHandlerResult> {
    return this.batchSuccess('rows', this.createCursorConfigs(context.getInputOr('rows', 0), 2))
  }
}

/** Five rows at a time; the first worker fails once behind its first checkpoint. */
export class Rows extends BatchableStepHandler {
  static override handlerName = 'flow.rows'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const batch = this.getBatchContext(context)
    if (batch === null) throw new PermanentError('this step is no batch worker')
    const start = Number(batch.checkpointCursor ?? batch.startCursor)
    note(context, 'rows', `${batch.batchId} from ${start} attempt ${context.retryCount + 1}`)
    if (batch.batchId === '001' && start > 0 && context.retryCount === 0) throw new RetryableError('the line broke')
    const end = Math.min(start + 5, batch.endCursor)
    let { sum } = (batch.accumulatedResults ?? { sum: 0 }) as { sum: number }
    for (let row = start; row < end; row += 1) sum += row
    const done = end - batch.startCursor
    if (end < batch.endCursor) return this.checkpointYield(end, done, { sum })
    return this.batchWorkerSuccess(this.createWorkerOutcome(done, done, 0, 0, { results: { sum }, lastCursor: end }))
  }
}

export class Merge extends BatchableStepHandler {
  static override handlerName = 'flow.merge'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const scenario = this.detectAggregationScenario(context.dependencyResults, 'split', 'rows_')
    return this.aggregateBatchWorkerResults(scenario, { total: 0 }, (batchResults) => {
      const workers = Object.values(batchResults) as { results: { sum: number } }[]
      return { total: workers.reduce((total, worker) => total + worker.results.sum, 0) }
    })
  }
}

/** Ends when it is told to stop. */
export class Hold extends StepHandler {
  static override handlerName = 'flow.hold'

  async call(context: StepContext): Promise<StepHandlerResult> {
    note(context, 'hold', 'begun')
    while (!context.cancelled) await delay(10)
    note(context, 'hold', 'told')
    return this.success({})
  }
}

/** Hears nothing. */
export class Deaf extends StepHandler {
  static override handlerName = 'flow.deaf'

  async call(context: StepContext): Promise<StepHandlerResult> {
    for (;;) {
      note(context, 'deaf', 'here')
      await delay(10)
    }
  }
}

export class Mend extends StepHandler {
  static override handlerName = 'flow.mend'

  async call(context: StepContext): Promise<StepHandlerResult> {
    if (!existsSync(fileOf(context, 'mended'))) throw new PermanentError('it is broken')
    return this.success({ mended: true })
  }
}
