// A PostgreSQL of the run's own, which may be restarted, stopped at once, or killed while everything works.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Database } from '../../src/postgres/database.ts'
import { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-postgres.ts'
import { findPostmaster } from '../../src/postgres/embedded/postmaster.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { eventually } from '../fixtures/eventually.ts'
import { tell } from './host-process.ts'
import type { RestartKind } from './schedule.ts'

/**
 * What was committed must survive a killed server, so commits wait for the log as they do by default; only the disk itself is not waited
 * for, since no run loses the power of the machine.
 */
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '200' }
const templateName = 'chaos_template'
const gonePollMs = 20
const recoveryMs = 60_000

export class ChaosCluster {
  readonly #dataDir: string
  readonly #server: EmbeddedPostgres
  /** Of the server that runs or ran last: while none does, whoever connects finds nobody there. */
  #url: URL | null = null

  constructor(dataDir: string) {
    this.#dataDir = dataDir
    this.#server = new EmbeddedPostgres({ dataDir, settings })
  }

  async start(): Promise<void> {
    await this.#server.start()
    this.#url = new URL(this.#server.url)
    await this.#onServer((database) => database.query({ text: `CREATE DATABASE ${templateName}` }))
    await this.#on(this.urlOf(templateName), migrate)
  }

  urlOf(name: string): URL {
    const url = this.#serverUrl()
    url.pathname = `/${name}`
    return url
  }

  async createDatabase(name: string): Promise<void> {
    await this.#onServer((database) => database.query({ text: `CREATE DATABASE ${name} TEMPLATE ${templateName}` }))
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#onServer((database) => database.query({ text: `DROP DATABASE ${name} WITH (FORCE)` }))
  }

  /** Resolves when a server accepts connections again. */
  async restart(how: RestartKind): Promise<void> {
    if (how === 'crash') return this.#crashBackend()
    const postmaster = await findPostmaster(join(this.#dataDir, 'cluster'))
    if (postmaster === null) throw new Error('no server runs that could be restarted')
    if (how !== 'fast') {
      process.kill(postmaster.pid, how === 'killed' ? 'SIGKILL' : 'SIGQUIT')
      while ((await findPostmaster(join(this.#dataDir, 'cluster'))) !== null) await delay(gonePollMs)
    }
    await this.#server.stop()
    await this.#server.start()
    this.#url = new URL(this.#server.url)
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  /** The server ends all other backends too, reads its log again and goes on under the same process id. */
  async #crashBackend(): Promise<void> {
    const [row] = await this.#onceUp<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name LIKE 'stephost%'
        ORDER BY backend_start DESC LIMIT 1`,
    )
    if (row === undefined) return
    tell(row.pid, 'SIGKILL')
    await this.#onceUp('SELECT 1')
  }

  /** It may just recover from the crash before. */
  #onceUp<Row extends object>(text: string): Promise<readonly Row[]> {
    return eventually(
      'the server answers',
      () => this.#onServer((database) => database.query<Row>({ text })).catch(() => null),
      recoveryMs,
    )
  }

  #serverUrl(): URL {
    if (this.#url === null) throw new Error('the server was never started')
    return new URL(this.#url)
  }

  #onServer<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.#on(this.#serverUrl(), work)
  }

  async #on<T>(url: URL, work: (database: Database) => Promise<T>): Promise<T> {
    const database = new Database({
      url: url.toString(),
      applicationName: 'chaos',
      connectionsMax: 1,
      acquireTimeoutMs: 10_000,
    })
    await database.start()
    try {
      return await work(database)
    } finally {
      await database.stop()
    }
  }
}
