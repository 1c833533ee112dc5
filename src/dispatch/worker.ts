// The worker: the parts of the flow, started in order, and drained in order when it ends.

import type { CircuitBreaker } from '../model/circuit-breaker.ts'
import type { ClaimSource } from '../model/claim-source.ts'
import type { AuthorCode, StoredSteps } from '../model/domain-event.ts'
import type { RuntimeName } from '../model/handler.ts'
import type { StepId, WorkerId } from '../model/ids.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { Neighbour } from '../model/result-judge.ts'
import type { LogRecord, RuntimeAdapter } from '../model/runtime-adapter.ts'
import type { StepLog } from '../model/step-log.ts'
import type {
  EndedClaims,
  NamedTaskSource,
  StepStore,
  WorkerAnnouncements,
  WorkerRegistry,
} from '../model/step-store.ts'
import type { WakeUps } from '../model/wake-ups.ts'
import { AuthorCalls } from './author-calls.ts'
import { DeadlineWheel } from './deadline.ts'
import { type DispatchCounters, type DispatchEvents, newDispatchCounters } from './dispatch-events.ts'
import { Drain } from './drain.ts'
import { behindBreakers } from './guarded-parts.ts'
import { HandlerDirectory } from './handler-directory.ts'
import { HeldSteps } from './held-steps.ts'
import { HiddenMessages } from './hidden-messages.ts'
import { Lease } from './lease.ts'
import { LoadShedding, type LoadState, percentOf } from './load-shedding.ts'
import { LoneSteps } from './lone-steps.ts'
import type { PermitView } from './permit-views.ts'
import { pollPaceOf } from './poll-pace.ts'
import { StepRecovery } from './recovery.ts'
import { RunnableSteps } from './runnable-steps.ts'
import { RuntimeRuns } from './runtime-runs.ts'
import { RuntimeTurns } from './runtime-turns.ts'
import { Semaphore } from './semaphore.ts'
import { ServedNamespaces } from './served-namespaces.ts'
import { StepCheckpoints } from './step-checkpoints.ts'
import { completerOptions, StepCompleter } from './step-completer.ts'
import { StepConsumer } from './step-consumer.ts'
import { type RunningStep, StepExecutor } from './step-executor.ts'
import { StepLogs } from './step-logs.ts'
import { StepReturns } from './step-returns.ts'
import { TakenBack } from './taken-back.ts'
import type { AdjustableOptions, WorkerOptions } from './worker-options.ts'

export interface WorkerUsage {
  /** Tokens. */
  readonly permitsUsed: number
  readonly permitsMax: number
  readonly views: readonly PermitView[]
  /** Steps that are claimed and have not started. */
  readonly waiting: number
  /** Of permits and prefetch together. */
  readonly percent: number
  readonly loadState: LoadState
  readonly timesShed: number
}

export interface WorkerParts {
  readonly adapters: readonly RuntimeAdapter[]
  readonly source: ClaimSource
  /** An adapter for the language that runs it in a process of its own, not started; null or absent: lone steps run where all do. */
  readonly isolated?: (runtime: RuntimeName) => RuntimeAdapter | null
  readonly store: StepStore & EndedClaims & NamedTaskSource & WorkerRegistry & WorkerAnnouncements
  /** null: `PollingOnly`. */
  readonly wakeUps: WakeUps | null
  readonly events: DispatchEvents
  /** Hears of each result once it is stored; null: nobody wants to. */
  readonly storedSteps: StoredSteps | null
  /** null: claims and completions are tried however often they fail. Heartbeats are never behind one. */
  readonly breakers: { readonly claims: CircuitBreaker; readonly completions: CircuitBreaker } | null
}

/** For a publisher or a subscriber. */
const authorCallTimeoutMs = 10_000

export class Worker implements Lifecycle {
  readonly directory: HandlerDirectory
  /** Publishers and subscribers, in the same runtimes and in line with the steps. */
  readonly authorCode: AuthorCode
  readonly counters: DispatchCounters = newDispatchCounters()
  readonly #options: WorkerOptions
  readonly #parts: WorkerParts
  readonly #deadlines = new DeadlineWheel()
  readonly #held = new HeldSteps()
  readonly #logs = new StepLogs()
  readonly #runnable: RunnableSteps
  readonly #semaphore: Semaphore
  readonly #shedding: LoadShedding
  readonly #completer: StepCompleter
  readonly #executor: StepExecutor
  readonly #runs = new RuntimeRuns(([first]) => (first && this.#runnable.useOf(first.step)?.language) ?? null)
  readonly #consumer: StepConsumer
  readonly #recovery: StepRecovery
  readonly #lease: Lease
  readonly #lone: LoneSteps
  readonly #drain: Drain
  readonly #served: ServedNamespaces
  readonly #hidden: HiddenMessages
  readonly #returns: StepReturns
  readonly #takenBack: TakenBack

  constructor(options: WorkerOptions, parts: WorkerParts) {
    const { store, events } = parts
    const guarded = behindBreakers(parts)
    const held = this.#held
    const counters = this.counters
    const directory = new HandlerDirectory(parts.adapters, options)
    const workerId = () => this.#lease.workerId
    this.directory = directory
    this.#options = options
    this.#parts = parts
    const served = new ServedNamespaces(options.namespaces, {
      wakeUps: parts.wakeUps,
      wake: () => this.#consumer.wake(),
      paceChanged: () => this.#consumer.paceChanged(),
      register: (names) => store.updateNamespaces(workerId(), names),
    })
    this.#served = served
    this.#hidden = new HiddenMessages({
      deadlines: this.#deadlines,
      announce: () => store.announceVisible(served.names),
    })
    this.#runnable = new RunnableSteps(store, directory, {
      rootsByTemplate: options.rootsByTemplate,
      refreshMs: options.foreignRetryMs,
      get namespaces() {
        return served.names
      },
    })
    this.#semaphore = new Semaphore(options.permits, () => this.#roomFreed())
    this.#shedding = new LoadShedding(options.loadShedding, events)
    const turns = new RuntimeTurns(this.#deadlines)
    // Beside a step that is to run alone: most others have ended by then, or been killed.
    const waitMaxMs = options.handlerTimeoutMs + options.cancelGraceMs
    this.#lone = new LoneSteps(waitMaxMs, {
      isolated: (runtime) => parts.isolated?.(runtime) ?? null,
      arrived: () => this.#returns.later(this.#consumer.dropPrefetched(), 'another step runs alone on this worker'),
      left: () => this.handlersChanged(),
      lostWith: (step) => store.workersLostWith(step),
    })
    this.authorCode = new AuthorCalls(
      { ...options, callTimeoutMs: authorCallTimeoutMs },
      { adapters: parts.adapters, turns, deadlines: this.#deadlines, events },
    )
    this.#completer = new StepCompleter(completerOptions(options), {
      ...{ held, events, counters, workerId },
      store: guarded.completing,
      storedSteps: parts.storedSteps,
      stored: () => this.#roomFreed(),
    })
    this.#executor = new StepExecutor(options, {
      ...{ directory, events, runnable: this.#runnable, deadlines: this.#deadlines, logs: this.#logs },
      checkpoints: new StepCheckpoints(store, options.resultLimits),
      hydrate: (steps) => store.hydrate(steps),
      ...{ turns, lone: this.#lone },
      finished: (finished) => this.#completer.accept(finished),
      notStarted: (step, reason) => this.#returns.later([step], reason),
      holds: (step) => held.has(step),
      ran: (callMs, steps) => this.#runs.ran(callMs, steps),
      mayStart: (step) => this.#lease.isCertain && this.#held.has(step),
    })
    this.#consumer = this.#makeConsumer(guarded.source, guarded.hydrating)
    this.#recovery = new StepRecovery(options, { registry: store, store, held, events, counters, workerId })
    this.#returns = new StepReturns(
      { store, held, events, counters, hidden: this.#hidden, releaseUnknown: () => this.#recovery.releaseUnknown() },
      { delayMs: options.foreignRetryMs },
    )
    this.#takenBack = this.#newTakenBack()
    this.#lease = this.#newLease()
    this.#drain = this.#newDrain()
  }

  #makeConsumer(source: Pick<ClaimSource, 'claim'>, store: Pick<StepStore, 'hydrate'>): StepConsumer {
    const { mode, prefetchMax, foreignRetryMs } = this.#options
    const { events, wakeUps } = this.#parts
    return new StepConsumer(
      { prefetchMax, poll: mode === 'EventDrivenOnly' ? null : pollPaceOf(this.#options) },
      {
        ...{ source, store, events },
        workerId: () => this.workerId,
        held: this.#held,
        counters: this.counters,
        runnable: this.#runnable,
        semaphore: this.#semaphore,
        shedding: this.#shedding,
        giveBack: (steps, reason) => this.#returns.later(steps, reason),
        executor: this.#executor,
        runs: this.#runs,
        deadlines: this.#deadlines,
        hasRoom: () => this.#completer.hasRoom && this.#lease.isCertain && !this.#lone.isTaken,
        mayWait: () => !this.#lone.isTaken,
        notified: () => wakeUps?.arriving ?? false,
        hidForeign: () => this.#hidden.hid(foreignRetryMs),
        claimUnknown: () => this.#recovery.claimUnknown(),
      },
    )
  }

  get workerId(): WorkerId {
    return this.#lease.workerId
  }

  /** For an orchestrator in this process. */
  get neighbour(): Neighbour {
    return this.#consumer
  }

  /** Steps in handlers right now. */
  get running(): number {
    return this.#executor.running
  }

  /** The steps that runtimes have right now, and since when their authors' code runs. */
  runningSteps(): readonly RunningStep[] {
    return this.#executor.runningSteps()
  }

  /** The last lines of a step that ran here; null: it did not, or that was long ago. */
  logs(step: StepId): StepLog | null {
    return this.#logs.of(step)
  }

  /** A line that a runtime wrote outside any call; where it names a step, it is kept with that step's lines. */
  handlerLog(record: LogRecord): void {
    this.#logs.add(record)
    this.#parts.events.handlerLog(record)
  }

  /**
   * Other handlers are loaded than before: steps that nobody here could run may be claimed now. Those that a claim has just pushed away are
   * visible again after `foreignRetryMs`, of which no notification tells.
   */
  handlersChanged(): void {
    this.#consumer.wake()
    this.#deadlines.set(performance.now() + this.#options.foreignRetryMs, () => this.#consumer.wake())
  }

  /** Why no steps are claimed right now; null when claims go through. */
  get claimFault(): string | null {
    return this.#consumer.fault
  }

  /** Takes over what can change while steps run; they keep what they took. */
  adjust({ permits, loadShedding, prefetchMax, handlerTimeoutMs }: AdjustableOptions): void {
    this.#shedding.change(loadShedding)
    this.#consumer.resizePrefetch(prefetchMax)
    this.#executor.limitHandlers({ handlerTimeoutMs })
    this.#semaphore.resize(permits)
    this.#consumer.wake()
  }

  /** How full the worker is, by every limit that is set or still counts. */
  usage(): WorkerUsage {
    const load = this.#consumer.load()
    return {
      permitsUsed: this.#semaphore.taken,
      permitsMax: this.#semaphore.size,
      views: this.#semaphore.views(),
      waiting: load.waiting,
      percent: Math.round(percentOf(load)),
      loadState: this.#shedding.stateAt(load),
      timesShed: this.#shedding.times,
    }
  }

  /** When the queues were last looked at: milliseconds since 1970 by this machine's clock; null: not yet. */
  get lastClaimAtMs(): number | null {
    return this.#consumer.lastClaimAtMs
  }

  get namespaces(): readonly string[] {
    return this.#served.names
  }

  async start(): Promise<void> {
    await this.#runnable.refresh()
    await this.#lease.start()
    try {
      await Promise.all([this.#served.listen(), this.#takenBack.listen()])
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#consumer.start()
  }

  #newLease(): Lease {
    const { store, events } = this.#parts
    const served = this.#served
    const options = {
      ...this.#options,
      get namespaces() {
        return served.names
      },
    }
    return new Lease(options, {
      ...{ registry: store, events },
      runnable: () => this.#runnable.announced(),
      lost: () => this.#letGo(),
      certain: () => {
        this.#roomFreed()
        this.#consumer.wake()
      },
      beat: async (beat) => {
        this.#consumer.databaseAnswered()
        await this.#hidden.tellOwed()
        await served.register()
        await this.#takenBack.look()
        await this.#recovery.onHeartbeat(beat)
      },
    })
  }

  #newTakenBack(): TakenBack {
    const { events, store, wakeUps } = this.#parts
    return new TakenBack({
      ...{ held: this.#held, events, wakeUps },
      ended: (claims) => store.endedClaims(claims),
      stop: () => this.#executor.cancelUnheld(),
    })
  }

  #newDrain(): Drain {
    const { events, storedSteps } = this.#parts
    return new Drain(this.#options, {
      ...{ held: this.#held, events, storedSteps },
      ...{ consumer: this.#consumer, executor: this.#executor, completer: this.#completer },
      ...{ recovery: this.#recovery, lease: this.#lease },
      stopListening: () => Promise.all([this.#served.stop(), this.#takenBack.stop()]),
      giveBack: (steps, reason) => this.#returns.giveBack(steps, { reason, delayMs: 0 }),
      givenBack: () => this.#returns.settled(),
    })
  }

  /**
   * Templates were registered: from now on steps of these namespaces are claimed too, and those of a changed template as it says now. Their
   * queues must exist. Rejects with a HostError when the database does not answer; then it may be called again.
   */
  async serveNamespaces(names: readonly string[]): Promise<void> {
    await this.#served.add(names)
    this.#parts.source.serve(this.#served.names)
    await this.#runnable.refresh()
    this.handlersChanged()
    await this.#served.register()
  }

  /** Stops claiming, gives back what did not start, drains, cancels, kills, stores the results, signs off; within `shutdownMaxMs`. */
  async stop(): Promise<void> {
    this.#returns.stopDelaying()
    await this.#drain.run()
    this.#deadlines.stop()
  }

  /** A second signal: handlers are cancelled now; what does not end is left to recovery. */
  forceStop(): void {
    this.#drain.force()
  }

  /** Steps under our name in the database, as far as we know; after `stop` those that are left to recovery. */
  get ownedSteps(): readonly StepId[] {
    return this.#held.owned.map(({ stepId }) => stepId)
  }

  /** Prefetched steps start only while they are ours for certain. */
  #roomFreed(): void {
    if (this.#lease.isCertain) this.#consumer.permitFreed()
  }

  #letGo(): void {
    this.#held.letGoOfAll()
    this.#consumer.dropPrefetched()
    this.#executor.cancelAll('lease_lost')
  }
}
