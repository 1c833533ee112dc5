// The composition root: introduces the rooms to each other, starts them in order and stops them in reverse.

import type { Config } from './config/config.ts'
import type { CircuitBreakers } from './dispatch/circuit-breakers.ts'
import type { FoundNamespaces } from './dispatch/found-namespaces.ts'
import type { Worker } from './dispatch/worker.ts'
import type { DomainEvents } from './events/domain-events.ts'
import type { OpenedAdapters } from './host-adapters.ts'
import { type HostAddresses, openApis } from './host-apis.ts'
import { makeCircuits } from './host-circuits.ts'
import {
  checkDatabase,
  type HostPools,
  makeDatabase,
  makeLeaseDatabase,
  makePools,
  orchestratorPoolFacts,
  poolFacts,
} from './host-database.ts'
import { type HostLog, WorkerHealth } from './host-health.ts'
import { HostLanguages } from './host-languages.ts'
import { makeListener } from './host-listener.ts'
import { makeFoundNamespaces } from './host-namespaces.ts'
import { makeOrchestrator } from './host-orchestrator.ts'
import { HostSettings } from './host-settings.ts'
import { HostTemplates } from './host-templates.ts'
import { makeTransport, modeInForce, resendEveryDefaultMs, type Transport } from './host-transport.ts'
import { adjustable, makeWorker, namespacesOf, servedNamespaces } from './host-worker.ts'
import { checkCallables } from './model/callable-check.ts'
import type { CircuitBreaker } from './model/circuit-breaker.ts'
import type { HandlerDescriptor, LoadFailure, ResolverDescriptor } from './model/handler.ts'
import type { StepId } from './model/ids.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import type { OrchestrationStore } from './model/orchestration-store.ts'
import { lateNeighbour } from './model/result-judge.ts'
import type { StepLog } from './model/step-log.ts'
import type { TaskService } from './model/task.ts'
import type { TaskEventSource } from './model/task-events.ts'
import type { LoadedTemplate, TemplateProblem } from './model/template.ts'
import { endsWithin } from './model/time-limit.ts'
import type { Orchestrator } from './orchestration/orchestrator.ts'
import { TaskEvents } from './orchestration/task-events.ts'
import type { Database } from './postgres/database.ts'
import type { Listener } from './postgres/listener.ts'
import { backgroundStore } from './postgres/queries/orchestration/background-store.ts'
import { orchestrationStore } from './postgres/queries/orchestration/orchestration-store.ts'
import { transitionReads } from './postgres/queries/orchestration/read-transitions.ts'

export interface HostOptions {
  readonly config: Config
  readonly log: HostLog
  readonly handlerRoots: readonly string[]
  readonly databaseUrl: string
  readonly parts: { readonly worker: boolean; readonly orchestrator: boolean; readonly rest: boolean }
  /** Warnings about templates keep them from loading. */
  readonly strict: boolean
  /** Watches the handler directories: what changes goes live. Default false. */
  readonly reload?: boolean
  /** `--data-dir`; null: the default. Evidence of handlers that kill their process lies there. */
  readonly dataDir?: string | null
}

/** For each part but the worker and the orchestrator, which have limits of their own. */
const partStopMaxMs = 3_000

export class Host implements Lifecycle {
  readonly #options: HostOptions
  readonly #pools: HostPools
  readonly #circuits: CircuitBreakers
  readonly #webCircuit: CircuitBreaker
  /** null: the queues are with the steps. */
  readonly #queueDatabase: Database | null
  readonly #listener: Listener | null
  readonly #store: OrchestrationStore
  readonly #orchestrator: Orchestrator
  readonly #taskEvents: TaskEvents
  readonly #languages: HostLanguages
  readonly #templates: HostTemplates
  readonly #settings: HostSettings
  readonly #started: { stop(): Promise<void>; limitMs: number | null }[] = []
  #worker: Worker | null = null
  #transport: Transport | null = null
  #domainEvents: DomainEvents | null = null
  #foundNamespaces: FoundNamespaces | null = null
  #isStuck = false
  #addresses: HostAddresses = { worker: null, orchestrator: null, grpc: null }

  constructor(options: HostOptions) {
    const { config, databaseUrl, log } = options
    this.#options = options
    this.#settings = new HostSettings(config, log, (changed) => this.#worker?.adjust(adjustable(changed)))
    this.#pools = makePools(config, databaseUrl, log)
    this.#circuits = makeCircuits(config, log)
    this.#webCircuit = this.#circuits.make('web', 'web')
    const queuesUrl = config.queues.databaseUrl
    this.#queueDatabase = queuesUrl === null ? null : makeDatabase(config, queuesUrl, log)
    const listened = { databaseUrl: queuesUrl ?? databaseUrl, database: this.#queueDatabase ?? this.#pools.general }
    this.#listener = this.#listens() ? makeListener({ config, log, ...listened }) : null
    this.#store = orchestrationStore(this.#pools.orchestration, {
      ...{ queues: this.#queueDatabase ?? this.#pools.orchestration, history: config.orchestration.history },
    })
    this.#languages = new HostLanguages({
      ...{ config, log, handlerRoots: options.handlerRoots, dataDir: options.dataDir ?? null },
      reload: options.parts.worker && options.reload === true,
      handlerLog: (record) => (this.#worker === null ? log.handler(record) : this.#worker.handlerLog(record)),
      reloaded: () => {
        this.#worker?.handlersChanged()
        this.#templates.handlersChanged()
        this.#foundNamespaces?.look()
      },
      templatesChanged: () => this.#templates.filesChanged(),
    })
    this.#templates = new HostTemplates({
      ...{ roots: options.handlerRoots, templatePath: config.templatePath, strict: options.strict, log },
      environment: config.templateEnvironment,
      // A host with an orchestrator of its own reads templates where they are registered.
      cache: options.parts.orchestrator ? null : config.templateCache,
      check: (templates) => (options.parts.worker ? this.#unserved(templates) : []),
      register: (templates) => this.#store.registerTemplates(templates),
      changed: async () => this.#worker?.serveNamespaces(namespacesOf(this.templates)),
    })
    this.#taskEvents = new TaskEvents({
      reads: transitionReads(this.#pools.general),
      onFault: (error) => log.warn({ code: error.code }, error.message),
    })
    this.#orchestrator = makeOrchestrator({
      ...{ config, log, store: this.#store, backgroundStore: backgroundStore(this.#pools.general) },
      ...{ wakeUps: this.#listener, neighbour: lateNeighbour(() => this.#worker?.neighbour ?? null) },
      ...{ circuits: this.#circuits, webCircuit: this.#webCircuit },
    })
  }

  /** The embedded orchestrator's; usable once the host has started, whether or not its loops run here. */
  get tasks(): TaskService {
    return this.#orchestrator
  }

  /** Usable once the host has started, where an orchestrator runs in it. */
  get taskEvents(): TaskEventSource {
    return this.#taskEvents
  }

  get templates(): readonly LoadedTemplate[] {
    return this.#templates.templates
  }

  get problems(): readonly TemplateProblem[] {
    return this.#templates.problems
  }

  get unavailable(): OpenedAdapters['unavailable'] {
    return this.#languages.opened.unavailable
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#languages.handlers()
  }

  resolvers(): readonly ResolverDescriptor[] {
    return this.#languages.opened.adapters.flatMap((adapter) => adapter.resolvers())
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#languages.loadFailures()
  }

  /** What a step wrote that ran in this process; null: it did not, or that was long ago. */
  logsOf(step: StepId): StepLog | null {
    return this.#worker?.logs(step) ?? null
  }

  addresses(): HostAddresses {
    return this.#addresses
  }

  /** Templates are registered before anything can ask for them; handlers are warm before the first claim. */
  async start(): Promise<void> {
    const { config } = this.#options
    try {
      await this.#begin(this.#pools.general)
      await this.#begin(this.#pools.orchestration)
      if (this.#queueDatabase !== null) await this.#begin(this.#queueDatabase)
      if (this.#listener !== null) await this.#begin(this.#listener)
      if (this.#options.parts.worker) await this.#begin(this.#languages)
      this.#templates.load()
      await this.#templates.register()
      await this.#store.createQueues(config.dispatch.namespaces)
      if (this.#options.parts.orchestrator) {
        await this.#begin(this.#orchestrator, config.orchestration.shutdownTimeoutMs)
        await this.#begin(this.#taskEvents)
      }
      if (this.#options.parts.worker) await this.#startWorker()
      if (this.#options.parts.rest) await this.#serve()
      this.#languages.follow()
      this.#templates.follow()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Bounded: what does not end in time is named and left behind. */
  async stop(): Promise<void> {
    const { log } = this.#options
    const stops = this.#started.splice(0).reverse()
    // First of all: handlers that are replaced or have just come must not meet the end of the worker.
    stops.unshift(
      { stop: () => this.#languages.stopFollowing(), limitMs: partStopMaxMs },
      { stop: () => this.#templates.stop(), limitMs: partStopMaxMs },
    )
    for (const { stop, limitMs } of stops) {
      // One part that cannot end properly must not keep the others running.
      const stopped = stop().catch((error: unknown) => log.error({ err: error }, 'a part did not stop properly'))
      if (limitMs === null) await stopped
      else if (!(await endsWithin(stopped, limitMs))) {
        this.#isStuck = true
        log.warn({ waited_ms: limitMs }, 'a part did not stop in time')
      }
    }
  }

  /** Takes over what can change while the host runs, and logs what needs a restart. `read` may throw CONFIG_INVALID: then nothing changes. */
  reloadConfig(read: () => Config): void {
    this.#settings.reload(read)
  }

  /** A second signal: handlers are cancelled now, and results that PostgreSQL does not take are given up. */
  forceStop(): void {
    this.#worker?.forceStop()
  }

  /** A part was left behind by `stop`: only the end of the process ends it. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** Steps that the worker holds; after a stop those that it leaves to recovery. */
  get ownedSteps(): readonly StepId[] {
    return this.#worker?.ownedSteps ?? []
  }

  #listens(): boolean {
    const { config, parts } = this.#options
    const modes = [
      ...(parts.worker && config.queues.backend === 'pgmq' ? [config.worker.deploymentMode] : []),
      ...(parts.orchestrator ? [config.orchestration.deploymentMode] : []),
    ]
    return modes.some((mode) => mode !== 'PollingOnly')
  }

  /** `limitMs` null: the part bounds its stop itself. */
  async #begin(part: Lifecycle, limitMs: number | null = partStopMaxMs): Promise<void> {
    await part.start()
    this.#started.push({ stop: () => part.stop(), limitMs })
  }

  #unserved(templates: readonly LoadedTemplate[]): readonly TemplateProblem[] {
    const { config, strict } = this.#options
    const options = { namespaces: config.runtimes.namespaces, strict, resolvers: this.resolvers() }
    return checkCallables(templates, this.handlers(), options)
  }

  async #startWorker(): Promise<void> {
    const { log, databaseUrl } = this.#options
    const { config } = this.#settings
    const leaseDatabase = makeLeaseDatabase(config, databaseUrl)
    await this.#begin(leaseDatabase)
    await this.#begin(this.#pools.steps)
    const namespaces = servedNamespaces(config, this.templates)
    const transport = makeTransport({
      ...{ queues: config.queues, dispatch: config.dispatch, namespaces },
      ...{ database: this.#pools.general, stepDatabase: this.#pools.steps },
      queueDatabase: this.#queueDatabase,
      // The embedded orchestrator looks for lost messages itself.
      resendEveryMs: this.#options.parts.orchestrator ? null : resendEveryDefaultMs,
      roomMax: () => this.#settings.config.worker.handlersMax + this.#settings.config.dispatch.prefetchMax,
      warn: (message, details) => log.warn(details, message),
    })
    await this.#begin(transport)
    this.#transport = transport
    if (modeInForce(config) !== config.worker.deploymentMode)
      log.info({}, `RabbitMQ only pushes: ${config.worker.deploymentMode} works as ${modeInForce(config)}`)
    const notifications = config.worker.deploymentMode === 'PollingOnly' ? null : this.#listener
    const made = makeWorker({
      ...{ config, log, leaseDatabase, circuits: this.#circuits, transport, namespaces },
      stepDatabase: this.#pools.steps,
      queueDatabase: this.#queueDatabase ?? this.#pools.general,
      rootsByTemplate: this.#templates.rootsByTemplate,
      adapters: this.#languages.opened.adapters,
      isolated: (runtime) => this.#languages.isolated(runtime),
      judge: this.#options.parts.orchestrator ? this.#orchestrator : null,
      notifications,
    })
    this.#worker = made.worker
    this.#domainEvents = made.domainEvents
    await this.#begin(this.#worker, null)
    this.#foundNamespaces = makeFoundNamespaces({
      ...{ config, log, worker: made.worker, notifications, database: this.#pools.general },
      createQueues: (namespaces) => this.#store.createQueues(namespaces),
    })
    if (this.#foundNamespaces !== null) await this.#begin(this.#foundNamespaces)
  }

  async #serve(): Promise<void> {
    const { config, parts, log } = this.#options
    const [worker, domainEvents] = [this.#worker, this.#domainEvents]
    const { general, orchestration } = this.#pools
    const pool = () => orchestratorPoolFacts(general, orchestration, this.#queueDatabase)
    this.#addresses = await openApis({
      ...{ config, log, database: general, queueDatabase: this.#queueDatabase ?? general },
      circuit: this.#webCircuit,
      orchestration: parts.orchestrator ? { orchestrator: this.#orchestrator, events: this.#taskEvents, pool } : null,
      worker: worker !== null && domainEvents !== null ? { health: this.#workerHealth(worker), domainEvents } : null,
      begin: (part) => this.#begin(part),
    })
  }

  #workerHealth(worker: Worker): WorkerHealth {
    return new WorkerHealth({
      worker,
      runtimes: this.#languages.opened,
      refusedReloads: () => this.#languages.refusedReloads,
      mode: modeInForce(this.#options.config),
      transport: () => this.#transport?.check() ?? null,
      listener: this.#listener,
      database: () => checkDatabase(this.#pools.general),
      pool: () => poolFacts(this.#pools.general, this.#pools.steps),
      circuits: this.#circuits,
    })
  }
}
