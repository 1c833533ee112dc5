// A step that may be what ends workers runs while nothing else runs on its worker, and outside the worker's own process.

import type { RuntimeName } from '../model/handler.ts'
import { HostError, messageOf } from '../model/host-error.ts'
import type { StepId } from '../model/ids.ts'
import { toJsonText } from '../model/json-text.ts'
import type { RuntimeAdapter } from '../model/runtime-adapter.ts'
import { type ClaimedStep, deathsUntilAlone } from '../model/step-request.ts'
import type { StepFailure, StepResult } from '../model/step-result.ts'
import type { LostWorker } from '../model/step-store.ts'
import { endsWithin } from '../model/time-limit.ts'
import type { ResolvedHandler } from './handler-directory.ts'
import type { Member, RunningCall } from './running-call.ts'

export interface LoneStepsParts {
  /** An adapter, not started, that has the language in a process of its own; null: there is none, and the step runs where all do. */
  isolated(runtime: RuntimeName): RuntimeAdapter | null
  /** A step is to run alone: what has not started is to go back to the queue, so that it does not die with it. */
  arrived(): void
  left(): void
  /** See `StepStore.workersLostWith`. */
  lostWith(step: StepId): Promise<readonly LostWorker[]>
}

const taken = 'another step runs alone on this worker'
/** How long a failure waits to be told who died with its step: a database that is away is not waited for. */
const lostWithMaxMs = 2_000

/** Whether enough workers have died while they held the step, since it was made or an operator last reopened it. */
export function mustRunAlone({ recoveries }: ClaimedStep): boolean {
  return recoveries >= deathsUntilAlone
}

/** By what the host saw, whatever the handler says of itself; and nobody says yet that another attempt is of no use. */
function endedItsProcess(result: StepResult): result is StepFailure {
  return !result.success && result.endedItsProcess === true && result.retryable
}

export class LoneSteps {
  readonly #waitMaxMs: number
  readonly #parts: LoneStepsParts
  /** Calls that have entered and not left, without the lone one. */
  #others = 0
  #isTaken = false
  #answer: ((refusal: string | null) => void) | null = null

  /** `waitMaxMs`: how long the others may take to end, while nothing new starts; then the lone step goes back. */
  constructor(waitMaxMs: number, parts: LoneStepsParts) {
    this.#waitMaxMs = waitMaxMs
    this.#parts = parts
  }

  /** A step runs alone or waits for it: nothing else may start. */
  get isTaken(): boolean {
    return this.#isTaken
  }

  /** null: the way is free, and whoever entered leaves. Else why the call cannot start here now. */
  enter(): string | null {
    if (this.#isTaken) return taken
    this.#others += 1
    return null
  }

  /** The same for a step that must be alone, once it is. */
  async enterAlone(): Promise<string | null> {
    if (this.#isTaken) return taken
    this.#isTaken = true
    this.#parts.arrived()
    const refusal = await this.#untilAlone()
    if (refusal !== null) this.#free()
    return refusal
  }

  leave({ alone }: { alone: boolean }): void {
    if (alone) this.#free()
    else {
      this.#others -= 1
      if (this.#others === 0) this.#answer?.(null)
    }
  }

  /** Whoever waits to be alone gives up. */
  refuseWaiting(reason: string): void {
    this.#answer?.(reason)
  }

  /**
   * Runs `call` with a process of its own that starts and ends with it. Where none starts, a language that is outside of the host runs it where it runs
   * all, since otherwise the step would come back and stop the worker again and again; any other rejects with RUNTIME_UNAVAILABLE.
   */
  async isolate<T>(
    { adapter, descriptor }: ResolvedHandler,
    call: (handler: ResolvedHandler) => Promise<T>,
  ): Promise<T> {
    const own = this.#parts.isolated(adapter.name)
    if (own === null) return call({ adapter, descriptor })
    try {
      await startKnowing(own, { adapter, descriptor })
    } catch (error) {
      if (adapter.isOutside) return call({ adapter, descriptor })
      const problem = `no process of its own for a step that must run alone: ${messageOf(error)}`
      throw new HostError('RUNTIME_UNAVAILABLE', problem, { cause: error })
    }
    try {
      return await call({ adapter: own, descriptor })
    } finally {
      await own.stop()
    }
  }

  /**
   * The same results; but a step that ended the process in which it was alone has had its third death: that the worker did not die with it is due
   * to that process. Never rejects, and does not wait for a database that is away.
   */
  judge(
    { members, cancelled }: Pick<RunningCall, 'members' | 'cancelled'>,
    results: readonly StepResult[],
  ): readonly StepResult[] | Promise<readonly StepResult[]> {
    if (cancelled !== null || !members.some(({ step }) => mustRunAlone(step))) return results
    return Promise.all(
      results.map((result, index) => {
        const member = members[index]
        const isOver = member !== undefined && mustRunAlone(member.step) && endedItsProcess(result)
        return isOver ? this.#lastDeath(member, result) : result
      }),
    )
  }

  async #lastDeath({ step, request }: Member, failure: StepFailure): Promise<StepFailure> {
    // The step fails in any case; who died with it stands in its history, too.
    let workers: readonly LostWorker[] | null = null
    const asked = this.#parts.lostWith(step.stepId).then((answer) => {
      workers = answer
    })
    await endsWithin(asked, lostWithMaxMs)
    const known = {
      callable: request.handler.callable,
      attempts: step.attempts + 1,
      max_attempts: step.attemptsMax,
      workers,
    }
    const before = `${step.recoveries} workers had died that held it since it was made or last reopened`
    const message = `The step ended the process that it ran alone in, after ${before}. ${failure.message}`
    return { ...failure, message, errorType: 'worker_lost', retryable: false, context: toJsonText(known) }
  }

  #untilAlone(): Promise<string | null> {
    if (this.#others === 0) return Promise.resolve(null)
    return new Promise((resolve) => {
      const waitMaxMs = this.#waitMaxMs
      const answer = (refusal: string | null) => {
        clearTimeout(timer)
        this.#answer = null
        resolve(refusal)
      }
      const timer = setTimeout(() => answer(`it must run alone, and others still ran after ${waitMaxMs} ms`), waitMaxMs)
      this.#answer = answer
    })
  }

  #free(): void {
    this.#isTaken = false
    this.#parts.left()
  }
}

/** A process that starts now loads the files as they are now: one that serves may know a handler whose file is broken since. */
async function startKnowing(own: RuntimeAdapter, { adapter, descriptor }: ResolvedHandler): Promise<void> {
  const has = (each: RuntimeAdapter) => each.handlers().some(({ callable }) => callable === descriptor.callable)
  await own.start()
  if (!has(adapter) || has(own)) return
  await own.stop()
  throw new HostError('RUNTIME_UNAVAILABLE', `it does not have ${descriptor.callable}, whose file may not load`)
}
