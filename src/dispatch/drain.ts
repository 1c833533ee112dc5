// The end of a worker in phases, each with a deadline: stop claiming, drain, cancel, kill, settle, sign off.

import type { StoredSteps } from '../model/domain-event.ts'
import { messageOf } from '../model/host-error.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import { endsWithin } from '../model/time-limit.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
import type { Lease } from './lease.ts'
import type { StepRecovery } from './recovery.ts'
import type { StepCompleter } from './step-completer.ts'
import type { StepConsumer } from './step-consumer.ts'
import type { StepExecutor } from './step-executor.ts'

export interface DrainOptions {
  /** How long running handlers may go on. */
  readonly drainGraceMs: number
  /** How long cancelled handlers may take after that, until their process or thread is killed. */
  readonly cancelGraceMs: number
  /** All phases together, with what the host stops after the worker; the drain is cut to fit. */
  readonly shutdownMaxMs: number
}

export interface DrainParts {
  readonly consumer: StepConsumer
  readonly executor: StepExecutor
  readonly completer: StepCompleter
  readonly recovery: StepRecovery
  readonly lease: Lease
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly storedSteps: StoredSteps | null
  stopListening(): Promise<unknown>
  /** Never rejects. */
  giveBack(steps: readonly ClaimedStep[], reason: string): Promise<void>
  /** Those under way. */
  givenBack(): Promise<unknown>
}

/** For the answer of a claim under way. */
const claimAnswerMaxMs = 1_000
/** From the end of the grace until a killed handler is known to be gone. */
const killMaxMs = 1_500
/** For everything that needs PostgreSQL after the handlers: results, events, steps that go back, the sign-off. */
const settleMaxMs = 3_000
/** What the host needs for its other parts. */
const otherPartsMs = 2_500
const lookMs = 5

/** What is left of `drainGraceMs` when all else is to fit into `shutdownMaxMs`. */
export function drainThatFits({ drainGraceMs, cancelGraceMs, shutdownMaxMs }: DrainOptions): number {
  const others = claimAnswerMaxMs + cancelGraceMs + killMaxMs + settleMaxMs + otherPartsMs
  return Math.max(0, Math.min(drainGraceMs, shutdownMaxMs - others))
}

export class Drain {
  readonly #options: DrainOptions
  readonly #parts: DrainParts
  #forced = false

  constructor(options: DrainOptions, parts: DrainParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Resolves within `shutdownMaxMs`, whatever handlers and PostgreSQL do. */
  async run(): Promise<void> {
    await this.#stopClaiming()
    await this.#endHandlers()
    await this.#settle()
  }

  /** A second signal: handlers are cancelled now, results that PostgreSQL does not take are given up, and nothing is waited for. */
  force(): void {
    this.#forced = true
    this.#parts.executor.cancelAll('shutdown')
    this.#parts.completer.abandon()
  }

  async #stopClaiming(): Promise<void> {
    const { consumer, executor, events, giveBack, held } = this.#parts
    executor.stopStarting()
    const claiming = consumer.stop().then((waiting) => giveBack(waiting, 'the worker shuts down'))
    await endsWithin(Promise.all([claiming, this.#parts.stopListening()]), claimAnswerMaxMs)
    if (held.isClaiming) {
      events.warning('the claim under way was not answered; if it took steps, recovery gives them to others', {
        waited_ms: claimAnswerMaxMs,
      })
    }
    // What did not start is back in the queue, or on its way there.
    events.info('no more steps are claimed', { running: executor.running })
  }

  async #endHandlers(): Promise<void> {
    const { executor, events } = this.#parts
    const { cancelGraceMs } = this.#options
    const drainMs = drainThatFits(this.#options)
    if (await this.#idleWithin(drainMs)) return
    events.warning('handlers still run; they are told to stop', { running: executor.running, waited_ms: drainMs })
    // Set before the runtimes set theirs of the same length, so that it looks before one of them kills a handler.
    const graceOver = setTimeout(() => {
      if (executor.running === 0) return
      events.warning('handlers did not stop; they are killed', { running: executor.running, waited_ms: cancelGraceMs })
    }, cancelGraceMs)
    executor.cancelAll('shutdown')
    await this.#idleWithin(cancelGraceMs + killMaxMs)
    clearTimeout(graceOver)
  }

  async #settle(): Promise<void> {
    const { completer, events, held, lease, recovery, storedSteps } = this.#parts
    const settledAtMs = performance.now() + (this.#forced ? 0 : settleMaxMs)
    const leftMs = () => Math.max(0, settledAtMs - performance.now())
    await endsWithin(completer.drained(), leftMs())
    completer.abandon()
    await storedSteps?.drained(leftMs())
    await endsWithin(this.#parts.givenBack(), leftMs())
    if (held.unreturned.length > 0 || recovery.mayBeGivenMore) {
      const looked = recovery.returnUnknownSteps().catch((error: unknown) => {
        events.warning('own steps could not be looked for', { error: messageOf(error) })
      })
      await endsWithin(looked, leftMs())
    }
    const left = held.owned
    await lease.stop({ unknownClaims: recovery.mayBeGivenMore })
    if (left.length === 0) events.info('the worker has ended; nothing is left', {})
    else events.warning('the worker has ended; steps are left to recovery', { steps: left.map(({ stepId }) => stepId) })
  }

  async #idleWithin(graceMs: number): Promise<boolean> {
    const until = performance.now() + graceMs
    while (this.#parts.executor.running > 0) {
      if (this.#forced || performance.now() >= until) return false
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    return true
  }
}
