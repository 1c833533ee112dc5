// Brings every result back on one path: gathers the results of a tick and stores them in one statement, or in two side by side under load.

import { setTimeout as delay } from 'node:timers/promises'
import { CircuitOpenError } from '../model/circuit-breaker.ts'
import type { StoredSteps } from '../model/domain-event.ts'
import { messageOf } from '../model/host-error.ts'
import type { WorkerId } from '../model/ids.ts'
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
/** A second statement goes beside the first only with a whole batch: then neither PostgreSQL nor the host waits for the other. */
const statementsMax = 2
const retryBaseMs = 50
const retryMaxMs = 2_000

export class StepCompleter {
  readonly #options: StepCompleterOptions
  readonly #parts: StepCompleterParts
  readonly #waiting: WaitingResult[] = []
  /** Those on their way to the database included. */
  #unstored = 0
  #unstoredBytes = 0
  readonly #abandon = new AbortController()
  readonly #flushes = new Set<Promise<void>>()
  #flushing = 0

  constructor(options: StepCompleterOptions, parts: StepCompleterParts) {
    this.#options = options
    this.#parts = parts
  }

  /** False while so many results wait that no further step may be claimed. */
  get hasRoom(): boolean {
    return this.#unstored < this.#options.waitingMax && this.#unstoredBytes < this.#options.waitingBytesMax
  }

  /** At once when nothing is on its way; behind the statement under way otherwise, together with all that finish meanwhile. */
  accept(finished: FinishedStep): void {
    if (!this.#parts.held.has(finished.step)) {
      this.#parts.counters.dropped.lease_lost += 1
      return
    }
    this.#add(finished)
    if (!this.#mayFlush(this.#flushing + 1)) return
    this.#flushing += 1
    const flush = Promise.resolve()
      .then(() => this.#flush())
      .finally(() => this.#flushes.delete(flush))
    this.#flushes.add(flush)
  }

  /** Resolves when every accepted result is stored or refused. */
  async drained(): Promise<void> {
    while (this.#flushes.size > 0) await Promise.all(this.#flushes)
  }

  /** Gives up on results that PostgreSQL does not take; their steps are recovered with their attempt spent. */
  abandon(): void {
    this.#abandon.abort()
  }

  #add(finished: FinishedStep): void {
    const bytes = bytesOf(finished)
    this.#waiting.push({ finished, bytes })
    this.#unstored += 1
    this.#unstoredBytes += bytes
  }

  /** Whether so many statements may be under way with what waits now. */
  #mayFlush(statements: number): boolean {
    const { length } = this.#waiting
    return statements === 1 ? length > 0 : statements <= statementsMax && length >= this.#options.batchMax
  }

  async #flush(): Promise<void> {
    while (this.#mayFlush(this.#flushing)) {
      const taken = this.#takeBatch()
      const batch = taken.map(({ finished }) => finished)
      const answers = await this.#storeUntilAnswered(batch)
      for (const { bytes } of taken) this.#unstoredBytes -= bytes
      this.#unstored -= taken.length
      if (answers === null) {
        this.#parts.counters.dropped.stopped += batch.length
        continue
      }
      const byStep = new Map(answers.map((answer) => [answer.stepId, answer]))
      for (const finished of batch) this.#settle(finished, byStep.get(finished.step.stepId) ?? null)
      this.#parts.stored()
    }
    // In the same turn as the look at what waits: the last one never leaves anything behind.
    this.#flushing -= 1
  }

  /** At least one result, however large it is. */
  #takeBatch(): readonly WaitingResult[] {
    let characters = 0
    let end = 0
    for (const { finished } of this.#waiting.slice(0, this.#options.batchMax)) {
      const { result } = finished
      characters += result.metadata.length + (result.success ? result.result.length : result.context.length)
      if (end > 0 && characters > batchCharactersMax) break
      end += 1
    }
    return this.#waiting.splice(0, end)
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

interface WaitingResult {
  readonly finished: FinishedStep
  readonly bytes: number
}

/** What waits in memory: the result, and what the handler was given where somebody wants to hear of it. */
function bytesOf({ result, request }: FinishedStep): number {
  const own = Buffer.byteLength(result.metadata) + Buffer.byteLength(result.success ? result.result : result.context)
  if (request === null) return own
  const given = [request.task, request.workflowStep, request.dependencyResults]
  return given.reduce((bytes, text) => bytes + Buffer.byteLength(text), own)
}
