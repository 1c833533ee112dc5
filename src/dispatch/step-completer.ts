// Brings every result back on one path: gathers the results of a tick and stores them in one statement.

import { setTimeout as delay } from 'node:timers/promises'
import { CircuitOpenError } from '../model/circuit-breaker.ts'
import type { StoredSteps } from '../model/domain-event.ts'
import { messageOf } from '../model/host-error.ts'
import type { StepId, WorkerId } from '../model/ids.ts'
import { hostFailure } from '../model/step-result.ts'
import type { CompletionAnswer, FinishedStep, StepStore } from '../model/step-store.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'

export interface StepCompleterOptions {
  /** Steps per statement. */
  readonly batchMax: number
  /** Results that may wait while PostgreSQL is away; at the limit the worker stops claiming. */
  readonly waitingMax: number
  /** The same for their size. */
  readonly waitingBytesMax: number
}

export interface StepCompleterParts {
  readonly store: Pick<StepStore, 'complete'>
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  /** Hears of each result once it is stored; null: nobody wants to. */
  readonly storedSteps: StoredSteps | null
  workerId(): WorkerId
  /** There is room for results again. */
  stored(): void
}

/** From the settings of the worker. */
export function completerOptions(settings: {
  readonly completionBatchMax: number
  readonly resultsWaitingMax: number
  readonly resultsWaitingBytesMax: number
}): StepCompleterOptions {
  return {
    batchMax: settings.completionBatchMax,
    waitingMax: settings.resultsWaitingMax,
    waitingBytesMax: settings.resultsWaitingBytesMax,
  }
}

/** Text of one statement; a batch of large results is cut there. */
const batchCharactersMax = 32 * 1024 * 1024
const retryBaseMs = 50
const retryMaxMs = 2_000

export class StepCompleter {
  readonly #options: StepCompleterOptions
  readonly #parts: StepCompleterParts
  readonly #waiting: FinishedStep[] = []
  #waitingBytes = 0
  readonly #abandon = new AbortController()
  #flushing: Promise<void> | null = null

  constructor(options: StepCompleterOptions, parts: StepCompleterParts) {
    this.#options = options
    this.#parts = parts
  }

  /** False while so many results wait that no further step may be claimed. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.#options.waitingMax && this.#waitingBytes < this.#options.waitingBytesMax
  }

  /** At once when nothing is on its way; behind the statement under way otherwise, together with all that finish meanwhile. */
  accept(finished: FinishedStep): void {
    if (!this.#parts.held.has(finished.step)) {
      this.#parts.counters.dropped.lease_lost += 1
      return
    }
    this.#add(finished)
    this.#flushing ??= Promise.resolve()
      .then(() => this.#flush())
      .finally(() => {
        this.#flushing = null
      })
  }

  /** Resolves when every accepted result is stored or refused. */
  async drained(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing
  }

  /** Gives up on results that PostgreSQL does not take; their steps are recovered with their attempt spent. */
  abandon(): void {
    this.#abandon.abort()
  }

  #add(finished: FinishedStep): void {
    this.#waiting.push(finished)
    this.#waitingBytes += bytesOf(finished)
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch()
      const answers = await this.#storeUntilAnswered(batch)
      for (const finished of this.#waiting.splice(0, batch.length)) this.#waitingBytes -= bytesOf(finished)
      if (answers === null) {
        this.#parts.counters.dropped.stopped += batch.length
        continue
      }
      const byStep = new Map(answers.map((answer) => [answer.stepId, answer]))
      for (const finished of batch) this.#settle(finished, byStep.get(finished.step.stepId) ?? null)
      this.#parts.stored()
    }
  }

  /** At least one result, however large it is, and one of each step: that of a claim that was lost may wait here with that of the next claim. */
  #nextBatch(): readonly FinishedStep[] {
    const candidates = this.#waiting.slice(0, this.#options.batchMax)
    const stepIds = new Set<StepId>()
    let characters = 0
    const end = candidates.findIndex(({ step: { stepId }, result }, index) => {
      if (stepIds.has(stepId)) return true
      stepIds.add(stepId)
      characters += result.metadata.length + (result.success ? result.result.length : result.context.length)
      return index > 0 && characters > batchCharactersMax
    })
    return end === -1 ? candidates : candidates.slice(0, end)
  }

  /** Repeats until the database says what became of the batch: a lost answer is not a lost result. null: abandoned. */
  async #storeUntilAnswered(batch: readonly FinishedStep[]): Promise<readonly CompletionAnswer[] | null> {
    for (let tries = 0; !this.#abandon.signal.aborted; tries += 1) {
      try {
        return await this.#parts.store.complete(this.#parts.workerId(), batch)
      } catch (error) {
        const waitMs = this.#waitAfter(error, { tries, results: batch.length })
        await delay(waitMs, undefined, { signal: this.#abandon.signal }).catch(() => undefined)
      }
    }
    return null
  }

  /** An open circuit says itself when to come back, and was told of when it opened. */
  #waitAfter(error: unknown, { tries, results }: { tries: number; results: number }): number {
    if (error instanceof CircuitOpenError) return error.retryInMs
    this.#parts.events.warning('results could not be stored; trying again', { results, error: messageOf(error) })
    return Math.min(retryBaseMs * 2 ** tries, retryMaxMs) * (0.5 + Math.random() / 2)
  }

  #settle(finished: FinishedStep, answer: CompletionAnswer | null): void {
    const replaced = !finished.result.success && finished.result.errorType === 'invalid_result'
    // What the host itself wrote can always be stored; if not, another try would fail alike, and recovery takes the step.
    if (answer?.status === 'invalid' && !replaced) {
      const reason = `The database cannot store the handler's result: ${answer.reason ?? 'no reason given'}`
      this.#add({ ...finished, result: hostFailure(finished.step.stepId, 'invalid_result', reason) })
      return
    }
    this.#parts.held.letGo(finished.step)
    if (answer === null || answer.status === 'refused' || answer.status === 'invalid') {
      this.#parts.counters.dropped.refused += 1
      this.#parts.events.warning('a late result was refused: the step is not this claim’s any more', {
        step: finished.step.stepId,
      })
      return
    }
    this.#parts.counters[finished.result.success ? 'completed' : 'failed'] += 1
    this.#parts.storedSteps?.stored(finished)
  }
}

/** What waits in memory: the result, and what the handler was given where somebody wants to hear of it. */
function bytesOf({ result, request }: FinishedStep): number {
  const own = Buffer.byteLength(result.metadata) + Buffer.byteLength(result.success ? result.result : result.context)
  if (request === null) return own
  const { task, workflowStep, dependencyResults } = request
  return own + [task, workflowStep, dependencyResults].reduce((bytes, text) => bytes + Buffer.byteLength(text), 0)
}
