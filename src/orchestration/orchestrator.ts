// The embedded orchestrator: tasks in, results judged, retries woken, crashes repaired. Any number may run on one database.

import { hostname } from 'node:os'
import { type CircuitBreaker, through } from '../model/circuit-breaker.ts'
import type { HealthCheck, HealthFact, HealthSource } from '../model/health.ts'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { WorkerId } from '../model/ids.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { OrchestrationCountSource } from '../model/orchestration-counts.ts'
import type { DlqChange } from '../model/orchestration-reads.ts'
import type { JudgedAnswer, OrchestrationStore } from '../model/orchestration-store.ts'
import type { RedriveAnswer, RedriveService } from '../model/redrive.ts'
import type { Neighbour, ResultJudge } from '../model/result-judge.ts'
import type { FinishedStep } from '../model/step-store.ts'
import type { StepAction, StepView, TaskProgress, TaskRequest, TaskService, TaskView } from '../model/task.ts'
import type { WakeUps } from '../model/wake-ups.ts'
import { type BackgroundOptions, type BackgroundPart, BackgroundWork } from './background-work.ts'
import type { BackoffSettings } from './backoff.ts'
import type { ContextLimits } from './context-limits.ts'
import { Counts, countedBackground, countedStore } from './counted-stores.ts'
import { Expander } from './expansion.ts'
import { Loop } from './loop.ts'
import { actOnStep, cancelTask } from './operations.ts'
import { type OutcomeLimits, outcomeLimitDefaults } from './outcomes.ts'
import { RecoverySweep } from './recovery-sweep.ts'
import { redrive } from './redrive.ts'
import { ResultProcessor } from './result-processor.ts'
import { wakeRetries } from './retry-waker.ts'
import { TaskInitializer } from './task-initializer.ts'

export interface OrchestratorOptions {
  readonly store: OrchestrationStore
  /** null: results are found by polling alone. */
  readonly wakeUps: WakeUps | null
  /**
   * False: `EventDrivenOnly`. Results are looked for when notifications say so, at the start and after a reconnect, retries when they are due; behind
   * that stands the recovery alone, which takes up what another orchestrator had in hand when it died. Default true.
   */
  readonly polls?: boolean
  readonly onFault: (fault: { part: OrchestratorPart; error: HostError }) => void
  readonly onWarning: (message: string) => void
  /** The worker of this process; missing: there is none. */
  readonly neighbour?: Neighbour
  /** `loops`: results, retries and recovery go through it, the heartbeat never; `web`: shown, for those who stand before the tasks. */
  readonly breakers?: { readonly loops: CircuitBreaker; readonly web: CircuitBreaker }
  readonly backoff?: BackoffSettings
  readonly contextLimits?: ContextLimits
  readonly outcomeLimits?: Partial<OutcomeLimits>
  readonly largeTaskSteps?: number
  /** Results that one transaction takes from the queue. */
  readonly resultBatchMax?: number
  readonly timing?: Partial<OrchestratorTiming>
  /** Missing: stuck tasks and old rows stay as they are. */
  readonly background?: BackgroundOptions
}

type LoopPart = 'results' | 'retries' | 'recovery' | 'heartbeat'
export type OrchestratorPart = LoopPart | BackgroundPart

export interface OrchestratorTiming {
  /** Behind the wake-ups for results, where there are polls; and the wait after a look that failed. */
  readonly resultPollMs: number
  /** The same behind the exact timer for retries. */
  readonly retryPollMs: number
  readonly sweepIntervalMs: number
  readonly resendAfterMs: number
  readonly stalledAfterMs: number
  readonly heartbeatMs: number
}

const timingDefaults: OrchestratorTiming = {
  resultPollMs: 1_000,
  retryPollMs: 1_000,
  sweepIntervalMs: 15_000,
  resendAfterMs: 60_000,
  stalledAfterMs: 30_000,
  heartbeatMs: 5_000,
}

/** Source: wire-protocol §3.3, the namespace of all three orchestration queues. */
const resultChannel = 'pgmq_message_ready.orchestration'

export class Orchestrator
  implements Lifecycle, TaskService, RedriveService, ResultJudge, HealthSource, OrchestrationCountSource
{
  readonly #counts = new Counts()
  readonly #store: OrchestrationStore
  readonly #wakeUps: WakeUps | null
  readonly #breakers: OrchestratorOptions['breakers']
  readonly #initializer: TaskInitializer
  readonly #expander: Expander
  readonly #results: ResultProcessor
  readonly #onFault: OrchestratorOptions['onFault']
  readonly #loops: Readonly<Record<LoopPart, Loop>>
  readonly #background: BackgroundWork | null
  readonly #faults = new Map<OrchestratorPart, HostError>()
  #judgeFault: string | null = null
  #nextRetryAt = Number.POSITIVE_INFINITY
  #unlisten: (() => Promise<void>) | null = null
  #started = false

  constructor(options: OrchestratorOptions) {
    this.#store = countedStore(options.store, this.#counts)
    this.#wakeUps = options.wakeUps
    this.#breakers = options.breakers
    this.#onFault = options.onFault
    this.#initializer = new TaskInitializer({
      store: this.#store,
      onWarning: options.onWarning,
      batchesEnabled: options.outcomeLimits?.batchesEnabled ?? outcomeLimitDefaults.batchesEnabled,
      ...(options.contextLimits === undefined ? {} : { limits: options.contextLimits }),
    })
    this.#expander = new Expander({ ...outcomeLimitDefaults, ...options.outcomeLimits }, options.onWarning)
    this.#results = new ResultProcessor({
      ...{ store: this.#store, expander: this.#expander },
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      ...(options.largeTaskSteps === undefined ? {} : { largeTaskSteps: options.largeTaskSteps }),
      ...(options.resultBatchMax === undefined ? {} : { batchMax: options.resultBatchMax }),
      onRetryWait: (backoffMs) => this.#expectRetry(backoffMs),
      neighbour: options.neighbour ?? null,
    })
    this.#loops = this.#makeLoops(options)
    this.#background = this.#makeBackground(options)
  }

  /** Rejects when the database does not answer; then nothing runs. */
  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    try {
      await this.#beat()
      this.#unlisten = (await this.#wakeUps?.listen(resultChannel, () => this.#loops.results.wake())) ?? null
      await Promise.all(Object.values(this.#loops).map((loop) => loop.start()))
      await this.#background?.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    await this.#unlisten?.().catch(() => {})
    this.#unlisten = null
    await Promise.all([this.#background, ...Object.values(this.#loops)].map((part) => part?.stop()))
    // Without the database the row stays; its heartbeat says that nobody is there.
    await this.#store.leave().catch(() => {})
  }

  createTask(request: TaskRequest): Promise<TaskView> {
    return this.#initializer.create(request)
  }

  async task(taskId: string): Promise<TaskView> {
    return found(await this.#store.taskView(taskId), taskId)
  }

  steps(taskId: string): Promise<readonly StepView[]> {
    return this.#store.stepViews(taskId)
  }

  async progress(taskId: string): Promise<TaskProgress> {
    return found(await this.#store.taskProgress(taskId), taskId)
  }

  async cancel(taskId: string): Promise<TaskView> {
    await cancelTask(this.#store, taskId)
    return this.task(taskId)
  }

  async actOnStep(taskId: string, stepId: string, action: StepAction): Promise<StepView> {
    await actOnStep(this.#store, { taskId, stepId }, action, this.#expander)
    const step = (await this.steps(taskId)).find((view) => view.stepId === stepId.toLowerCase())
    if (step === undefined) throw new HostError('STEP_NOT_FOUND', `The task ${taskId} has no step ${stepId}`)
    return step
  }

  async redrive(entryId: string, change: DlqChange): Promise<RedriveAnswer> {
    const answer = await redrive(this.#store, entryId, change)
    if (answer.status === 'redriven') this.#counts.add('redrives')
    return answer
  }

  async completeJudged(workerId: WorkerId, finished: readonly FinishedStep[]): Promise<readonly JudgedAnswer[] | null> {
    if (!this.#started) return null
    try {
      const answers = await this.#results.complete(workerId, finished)
      this.#judgeFault = null
      return answers
    } catch (error) {
      if (isHostError(error, 'DATABASE_ANSWER_LOST')) throw error
      // Nothing was stored. The way by message has connections of its own, and finds what one of the results or its task spoils.
      const expected = isHostError(error, 'DATABASE_UNREACHABLE', 'DATABASE_UNAVAILABLE')
      if (!expected && !this.#store.isDataFault(error)) this.#tellJudgeFault(error)
      return null
    }
  }

  counts(): ReturnType<OrchestrationCountSource['counts']> {
    return this.#counts.counts()
  }

  async checks(): Promise<Readonly<Record<string, HealthCheck>>> {
    const database = await this.#databaseCheck()
    return {
      web_database: database,
      orchestration_database: database,
      circuit_breaker: this.#circuitCheck(),
      orchestration_system: this.#started
        ? { status: 'healthy', message: null, durationMs: 0 }
        : { status: 'unhealthy', message: 'the orchestrator is stopped', durationMs: 0 },
      command_processor: this.#loopCheck(),
    }
  }

  info(): Readonly<Record<string, HealthFact>> {
    return {
      operational_state: this.#started ? 'Normal' : 'Stopped',
      circuit_breaker_state: shownStates[this.#breakers?.web.report().state ?? 'closed'],
    }
  }

  /** Each fault once, until judging has succeeded again: nobody else would meet it. */
  #tellJudgeFault(error: unknown): void {
    const message = messageOf(error)
    if (message === this.#judgeFault) return
    this.#judgeFault = message
    const fault = isHostError(error) ? error : new HostError('DATABASE_FAULT', message, { cause: error })
    this.#onFault({ part: 'results', error: fault })
  }

  #makeBackground({ background, breakers, onWarning, onFault }: OrchestratorOptions): BackgroundWork | null {
    if (background === undefined) return null
    return new BackgroundWork(
      { ...background, store: countedBackground(background.store, this.#counts) },
      {
        ...{ breaker: breakers?.loops ?? null, onWarning },
        onFault: (part, error) => {
          this.#faults.delete(part)
          if (error === null) return
          this.#faults.set(part, error)
          onFault({ part, error })
        },
      },
    )
  }

  #makeLoops(options: OrchestratorOptions): Readonly<Record<LoopPart, Loop>> {
    const timing = { ...timingDefaults, ...options.timing }
    const results = this.#results
    const { resendAfterMs, stalledAfterMs } = timing
    const recovery = new RecoverySweep({ store: this.#store, results, resendAfterMs, stalledAfterMs })
    const { polls = true } = options
    const loop = (part: LoopPart, intervalMs: number, work: () => Promise<number | null>): Loop => {
      const breaker = part === 'heartbeat' ? null : (options.breakers?.loops ?? null)
      return new Loop({
        intervalMs,
        polls: polls || part === 'recovery' || part === 'heartbeat',
        tick: async () => {
          const nextMs = await through(breaker, work)
          this.#faults.delete(part)
          return nextMs
        },
        onFault: (error) => {
          this.#faults.set(part, error)
          // The circuit told when it opened; each loop would repeat it at every tick.
          if (!isHostError(error, 'CIRCUIT_OPEN')) options.onFault({ part, error })
        },
      })
    }
    return {
      results: loop('results', timing.resultPollMs, async () => ((await results.processBatch()) ? 0 : null)),
      retries: loop('retries', timing.retryPollMs, () => this.#wakeRetries()),
      recovery: loop('recovery', timing.sweepIntervalMs, async () => {
        try {
          await recovery.sweep()
          this.#counts.add('recoverySweeps')
        } finally {
          if (!polls) this.#lookBehind()
        }
        return null
      }),
      heartbeat: loop('heartbeat', timing.heartbeatMs, async () => {
        await this.#beat()
        return null
      }),
    }
  }

  /** Without polls: a result that another orchestrator had locked told nobody again, and its timers for retries died with it. */
  #lookBehind(): void {
    this.#loops.results.wake()
    this.#loops.retries.wake()
  }

  async #wakeRetries(): Promise<number | null> {
    this.#nextRetryAt = Number.POSITIVE_INFINITY
    const nextMs = await wakeRetries(this.#store)
    if (nextMs !== null) this.#nextRetryAt = Math.min(this.#nextRetryAt, performance.now() + nextMs)
    return nextMs
  }

  /** A retry that is due before the timer would look: the timer looks now and learns the exact time. */
  #expectRetry(backoffMs: number): void {
    if (performance.now() + backoffMs < this.#nextRetryAt) this.#loops.retries.wake()
  }

  #beat(): Promise<void> {
    return this.#store.heartbeat({ host: hostname() })
  }

  async #databaseCheck(): Promise<HealthCheck> {
    const startedAt = performance.now()
    try {
      await this.#store.ping()
      return { status: 'healthy', message: null, durationMs: Math.round(performance.now() - startedAt) }
    } catch (error) {
      return { status: 'unhealthy', message: messageOf(error), durationMs: Math.round(performance.now() - startedAt) }
    }
  }

  /** Half-open is fit for work: without requests, which readiness brings, the circuit of the web would never close. */
  #circuitCheck(): HealthCheck {
    const reports = this.#breakers === undefined ? [] : [this.#breakers.loops.report(), this.#breakers.web.report()]
    const open = reports.filter(({ state }) => state === 'open')
    const message = open.map(({ name, lastFailure }) => `${name} is open: ${lastFailure}`).join('; ')
    return { status: open.length === 0 ? 'healthy' : 'unhealthy', message: message || null, durationMs: 0 }
  }

  #loopCheck(): HealthCheck {
    const [first] = this.#faults
    if (first === undefined) return { status: 'healthy', message: null, durationMs: 0 }
    return { status: 'degraded', message: `${first[0]}: ${first[1].message}`, durationMs: 0 }
  }
}

const shownStates = { closed: 'Closed', open: 'Open', half_open: 'HalfOpen' } as const

function found<T>(value: T | null, taskId: string): T {
  if (value === null) throw new HostError('TASK_NOT_FOUND', `There is no task ${taskId}`)
  return value
}
