// The chaos run's handlers in TypeScript: each run is logged by itself, so that the checker need not believe the database.
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { RetryableError, type StepContext, StepHandler, type StepHandlerResult } from 'stephost'

export class Work extends StepHandler {
  static override handlerName = 'chaos.typescript'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const run = randomUUID()
    const done = context.checkpointItemsProcessed
    const given = (name: string) => Number(context.getConfig(name))
    // One write to a file opened for appending is whole and in order, also among processes.
    const log = (phase: string) =>
      appendFileSync(
        String(context.getInput('log')),
        `${phase} ${context.stepUuid} ${context.retryCount} ${done} ${run}\n`,
      )
    log('begin')
    await delay(given('work_ms'))
    const gate = context.getInput('gate')
    while (typeof gate === 'string' && !existsSync(gate)) await delay(20)
    if (context.retryCount < given('failures')) {
      log('failure')
      throw new RetryableError(`flaky, run=${run}`)
    }
    if (done < given('rows')) {
      log('yield')
      return this.checkpointYield(`row ${done}`, done + 1)
    }
    log('success')
    return this.success({ run })
  }
}
