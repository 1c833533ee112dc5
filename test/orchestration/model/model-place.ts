// A database that schedules run on one after the other, with the connections that they share.
import type { Lifecycle } from '../../../src/model/lifecycle.ts'
import { Database } from '../../../src/postgres/database.ts'
import { Listener } from '../../../src/postgres/listener.ts'
import { orchestrationStore } from '../../../src/postgres/queries/orchestration/orchestration-store.ts'
import { numberTransitions } from './history.ts'
import { LockWatch } from './lock-watch.ts'
import { namespace } from './plan.ts'
import type { Schedule } from './schedule.ts'
import { type ScheduleReport, ScheduleRun } from './schedule-run.ts'

/** Enough for every loop of two orchestrators to be in a transaction of its own. */
const connectionsMax = 6
export const acquireTimeoutMs = 30_000

export class ModelPlace implements Lifecycle {
  readonly locks: LockWatch
  readonly #url: string
  readonly #database: Database
  readonly #listener: Listener
  readonly #burials = new Set<Promise<unknown>>()

  /** `url`: of a migrated database that nobody else uses. */
  constructor(url: string) {
    this.#url = url
    this.locks = new LockWatch(url)
    this.#database = databaseOf(url, connectionsMax)
    this.#listener = new Listener({ url, applicationName: 'model' })
  }

  async start(): Promise<void> {
    const first = databaseOf(this.#url, 1)
    await first.start()
    try {
      await prepare(first)
    } finally {
      await first.stop()
    }
    await this.#database.start()
    await this.#listener.start()
    await this.locks.start()
  }

  async run(schedule: Schedule): Promise<Omit<ScheduleReport, 'buried'>> {
    const { buried, ...report } = await ScheduleRun.perform(schedule, {
      database: this.#database,
      wakeUps: this.#listener,
    })
    this.#burials.add(buried)
    void buried.finally(() => this.#burials.delete(buried))
    return report
  }

  async stop(): Promise<void> {
    await Promise.all(this.#burials)
    await this.locks.stop()
    await this.#listener.stop()
    await this.#database.stop()
  }
}

function databaseOf(url: string, connections: number): Database {
  return new Database({
    ...{ url, applicationName: 'model', connectionsMax: connections, acquireTimeoutMs },
    // As a host does.
    byKey: true,
  })
}

async function prepare(database: Database): Promise<void> {
  await numberTransitions(database)
  await orchestrationStore(database).createQueues([namespace])
  // Planning anew for every value of a parameter is most of what short statements on small tables cost.
  const [row] = await database.query<{ name: string }>({ text: 'SELECT current_database() AS name' })
  await database.query({ text: `ALTER DATABASE "${row?.name}" SET plan_cache_mode = force_generic_plan` })
}
