// Our own systems for a drain: the worker on the schema of our migrations, or on the indexes of Tasker's, heard by whom.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../../src/config/package-root.ts'
import { Database } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import type { DrainSystem, OpenedSystem } from './drain-system.ts'
import type { LineProcess } from './line-process.ts'
import type { Measures } from './measures.ts'
import { type Look, type Patience, patienceFor, waitUntilDone } from './patience.ts'
import { QueueGate } from './queue-gate.ts'
import { RegisteredListener } from './registered-listener.ts'
import { withDatabase } from './scratch-cluster.ts'
import { preloadSteps } from './step-preload.ts'
import { dropOneResult, stepOffences } from './step-verification.ts'
import { systemNames } from './system-names.ts'
import { type Language, languageRoot } from './worker-process.ts'

export interface OurDrainOptions {
  readonly name: string
  readonly languages: readonly Language[]
  /** Adds the indexes of Tasker's migrations to ours. */
  readonly taskerIndexes: boolean
  /** `ours`: a live orchestrator of ours is registered, so one wake-up serves a batch; `foreign`: each message is announced. */
  readonly listener: 'ours' | 'foreign'
  /** Starts what works on the database at `url`, and resolves when it is up. */
  start(url: string, count: number): Promise<{ worker: LineProcess; facts: Readonly<Record<string, unknown>> }>
}

const pollMinMs = 5
const pollMaxMs = 250

export function ourDrain(options: OurDrainOptions): DrainSystem {
  return {
    name: options.name,
    preloadKey: `steps_${options.languages.join('_')}${options.taskerIndexes ? '_tasker' : ''}`,
    share: 1,
    preload: (url, count) => withDatabase(url, (database) => preload(database, options, count)),
    open: (url, count) => open(url, count, options),
    offences: (url, count) => withDatabase(url, (database) => stepOffences(database, { count, recovered: false })),
    dropOneResult: (url) => withDatabase(url, dropOneResult),
  }
}

export async function preload(
  database: Database,
  options: Pick<OurDrainOptions, 'languages' | 'taskerIndexes'>,
  count: number,
): Promise<void> {
  await migrate(database)
  if (options.taskerIndexes) await database.query({ text: taskerIndexes() })
  await preloadSteps(database, {
    count,
    templates: options.languages.map((language) => `noop_${language}`),
    roots: options.languages.map(languageRoot),
    messages: true,
  })
}

function taskerIndexes(): string {
  return readFileSync(join(packageRoot(), 'test/bench/steps/tasker-indexes.sql'), 'utf8')
}

/**
 * The queue stays locked while the worker starts, until its first claim waits for the lock: so it is warm and has taken nothing, and the
 * clock begins when the lock goes.
 */
async function open(url: string, count: number, options: OurDrainOptions): Promise<OpenedSystem> {
  const side = new Database({ url, applicationName: 'stephost bench', connectionsMax: 3, acquireTimeoutMs: 10_000 })
  await side.start()
  const listener = new RegisteredListener(side)
  if (options.listener === 'ours') await listener.start()
  const gate = await QueueGate.close(side)
  const leave = async () => {
    await listener.stop()
    await side.stop()
  }
  const started = await options.start(url, count).catch(async (error) => {
    await gate.open()
    await leave()
    throw error
  })
  await gate
    .reached(() => started.worker.ended)
    .catch(async (error) => {
      await gate.open()
      await started.worker.stop('SIGKILL')
      await leave()
      throw error
    })
  return {
    pids: [started.worker.pid],
    facts: started.facts,
    go: () => gate.open(),
    done: () => allStored(side, count, started.worker, patienceFor.drain),
    counted: () => lostClaims(started.worker, options.name),
    close: async () => {
      await started.worker.stop('SIGTERM')
      await leave()
      return null
    },
  }
}

/** Of the process that works without handlers; the worker does not say how its claims went. */
async function lostClaims(worker: LineProcess, name: string): Promise<Measures> {
  if (name !== systemNames.statements && name !== systemNames.claimers) return {}
  const { claims, lostClaims } = await worker.line('finished', 30_000)
  return { lostClaimsPercent: (100 * Number(lostClaims)) / Math.max(Number(claims), 1) }
}

/**
 * Resolves with how many results are missing: none, or some when patience ended. The sequence of the result queue is read without touching
 * the queue; it runs ahead of commits, so the queue has the last word.
 */
export async function allStored(
  database: Database,
  count: number,
  worker: Pick<LineProcess, 'name' | 'ended'>,
  patience: Patience,
): Promise<number> {
  const sent = await waitUntilDone(count, {
    ...{ worker, patience, look: () => sentResults(database) },
    restMs: (look) => untilAQuarterOfTheRest(look, count),
  })
  const stored = await waitUntilDone(count, {
    ...{ worker, patience: sent < count ? none : patience, look: () => storedResults(database) },
    restMs: () => pollMinMs,
  })
  return count - stored
}

const none: Patience = { stillMaxS: 0, totalMaxS: 0 }

function untilAQuarterOfTheRest({ done, sinceStartMs }: Look, count: number): number {
  const perResultMs = sinceStartMs / Math.max(done, 1)
  return Math.min(Math.max((perResultMs * (count - done)) / 4, pollMinMs), pollMaxMs)
}

async function storedResults(database: Database): Promise<number> {
  const [row] = await database.query<{ stored: number }>({
    text: 'SELECT count(*)::int AS stored FROM pgmq.q_orchestration_step_results',
  })
  return row?.stored ?? 0
}

export async function sentResults(database: Database): Promise<number> {
  const [row] = await database.query<{ sent: number }>({
    text: 'SELECT CASE WHEN is_called THEN last_value::int ELSE 0 END AS sent FROM pgmq.q_orchestration_step_results_msg_id_seq',
  })
  return row?.sent ?? 0
}
