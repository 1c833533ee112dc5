// Workers on a test's database, with short leases and a way to die without a word.
import { Worker, type WorkerParts } from '../../src/dispatch/worker.ts'
import type { WorkerOptions } from '../../src/dispatch/worker-options.ts'
import type { Claim, ClaimSource } from '../../src/model/claim-source.ts'
import type { StoredSteps } from '../../src/model/domain-event.ts'
import type { ClaimId, WorkerId } from '../../src/model/ids.ts'
import type { RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'
import type { WakeUps } from '../../src/model/wake-ups.ts'
import { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import type { StepDatabase } from './step-database.ts'
import { quietEvents } from './steps.ts'

export interface TestWorkerOptions extends Partial<WorkerOptions> {
  /** Permits, where nothing is limited more narrowly. */
  readonly concurrentHandlersMax?: number
  readonly foreignGraceMs?: number
  /** Stands between the worker and the database, to lose answers. */
  readonly store?: PostgresStepStore
  readonly source?: Pick<ClaimSource, 'claim'> & Partial<ClaimSource>
  readonly storedSteps?: StoredSteps
  readonly breakers?: WorkerParts['breakers']
  readonly wakeUps?: WakeUps | null
  readonly isolated?: WorkerParts['isolated']
  readonly events?: WorkerParts['events']
}

/** Where it works; what else a test asks of its database does not matter here. */
type WorkPlace = Pick<StepDatabase, 'database'>

export function storeOf(steps: WorkPlace, leaseMs = 2_000): PostgresStepStore {
  return new PostgresStepStore(steps.database, { leaseMs })
}

export function sourceOf(
  steps: WorkPlace,
  options: { foreignGraceMs?: number; foreignRetryMs?: number } = {},
): PgmqClaimSource {
  const { foreignGraceMs = 60_000, foreignRetryMs = 100 } = options
  return new PgmqClaimSource(steps.database, {
    namespaces: ['shop'],
    foreignRetryMs,
    foreignGraceMs,
    onClaim: 'archive',
  })
}

/** A worker that claims only what a test claims in its name, and says nothing by itself. */
export async function registerSilent(steps: WorkPlace, host = 'a-host'): Promise<WorkerId> {
  const workerId = crypto.randomUUID() as string as WorkerId
  await storeOf(steps).register({ workerId, host, namespaces: ['shop'], runnable: [] })
  return workerId
}

/** One claim in its name, of whatever the templates have. */
export async function claimAs(steps: WorkPlace, workerId: WorkerId, free: number): Promise<readonly ClaimedStep[]> {
  const tasks = await storeOf(steps).load(['shop'])
  const runnable = tasks.flatMap((task) =>
    task.steps.map(({ name }) => ({ namedTaskId: task.namedTaskId, templateStep: name })),
  )
  const claimId = crypto.randomUUID() as string as ClaimId
  return (await sourceOf(steps).claim({ workerId, claimId, free, prefetch: 0, runnable })).steps
}

export const noClaim: Claim = {
  ...{ steps: [], more: false, leftBehind: false, foreign: 0 },
  setAside: { malformed: 0, gone: 0, stale: 0 },
}

/** Holds the lease that claims need, and claims nothing itself. The lease is long, for once in each it gives back what it does not hold. */
export function startOwner(steps: WorkPlace): Promise<Worker> {
  const leaseMs = 600_000
  const parts = { source: { claim: async () => noClaim }, leaseMs, store: storeOf(steps, leaseMs) }
  return startWorker(steps, new ScriptedAdapter(untilCancelled), parts)
}

export async function startWorker(
  steps: WorkPlace,
  adapters: RuntimeAdapter | readonly RuntimeAdapter[],
  options: TestWorkerOptions = {},
): Promise<Worker> {
  const { store = storeOf(steps), storedSteps = null, ...more } = options
  const source: NonNullable<TestWorkerOptions['source']> = options.source ?? sourceOf(steps, options)
  const {
    source: _source,
    concurrentHandlersMax = 4,
    breakers = null,
    wakeUps = null,
    isolated = () => null,
    events = quietEvents,
    ...rest
  } = more
  const worker = new Worker(
    {
      namespaces: ['shop'],
      namespaceRuntimes: {},
      rootsByTemplate: new Map(),
      mode: 'PollingOnly',
      permits: { permitsMax: concurrentHandlersMax },
      loadShedding: { enabled: false, capacityThresholdPercent: 80, warningThresholdPercent: 70 },
      prefetchMax: 0,
      handlerTimeoutMs: 30_000,
      resultLimits: { bytesMax: 1_000_000, depthMax: 200 },
      pollIntervalMs: 20,
      notifiedPollIntervalMs: 20,
      foreignRetryMs: 100,
      leaseMs: 2_000,
      heartbeatMs: 100,
      completionBatchMax: 200,
      resultsWaitingMax: 1_000,
      resultsWaitingBytesMax: 100_000_000,
      drainGraceMs: 10_000,
      cancelGraceMs: 2_000,
      shutdownMaxMs: 28_000,
      ...rest,
    },
    {
      source: { claim: (request) => source.claim(request), serve: (names) => source.serve?.(names) },
      store,
      adapters: [adapters].flat(),
      wakeUps,
      events,
      storedSteps,
      breakers,
      isolated,
    },
  )
  await worker.start()
  return worker
}
