// A PostgreSQL server for one run of the bench: fresh, durable as PostgreSQL is by default, gone afterwards.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Database } from '../../../src/postgres/database.ts'
import { EmbeddedPostgres } from '../../../src/postgres/embedded/embedded-postgres.ts'

/** The same for every system. Durability stays as it is by default; commit times are kept so that latencies start at a commit. */
const settings = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  max_connections: '200',
  track_commit_timestamp: 'on',
}
const shown = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'autovacuum',
  ...Object.keys(settings),
]
const statementTimeoutMs = 1_800_000

export class ScratchCluster {
  readonly #directory: string
  readonly #server: EmbeddedPostgres

  private constructor(directory: string) {
    this.#directory = directory
    this.#server = new EmbeddedPostgres({ dataDir: join(directory, 'postgres'), settings })
  }

  static async start(): Promise<ScratchCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'stephost-bench-'))
    // Open to enter: as root, the server runs under another account below it.
    await chmod(directory, 0o755)
    const cluster = new ScratchCluster(directory)
    try {
      await cluster.#server.start()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** For files of this run; they go with the cluster. */
  get directory(): string {
    return this.#directory
  }

  url(database: string): string {
    const url = new URL(this.#server.url)
    url.pathname = `/${database}`
    return url.toString()
  }

  async facts(): Promise<Readonly<Record<string, string>>> {
    const rows = await this.administer((server) =>
      server.query<{ name: string; value: string }>({
        text: `SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name`,
        values: [shown],
      }),
    )
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  }

  /** The server's own process; all backends are its children. */
  async pid(): Promise<number> {
    const [row] = await this.administer((server) =>
      server.query<{ pid: string }>({ text: `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid` }),
    )
    return Number(row?.pid)
  }

  async create(name: string, template = 'template0'): Promise<string> {
    await this.administer(async (server) => {
      await server.query({ text: `DROP DATABASE IF EXISTS ${name} WITH (FORCE)` })
      await server.query({ text: `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy` })
    })
    return this.url(name)
  }

  /** So that no run pays for what was written before it. */
  async settle(url: string): Promise<void> {
    await withDatabase(url, (database) => database.query({ text: 'VACUUM ANALYZE' }))
    await this.administer((server) => server.query({ text: 'CHECKPOINT' }))
  }

  async drop(name: string): Promise<void> {
    await this.administer((server) => server.query({ text: `DROP DATABASE IF EXISTS ${name} WITH (FORCE)` }))
  }

  /** On the server's own database, so that what is done here counts for no cell. */
  administer<T>(work: (server: Database) => Promise<T>): Promise<T> {
    return withDatabase(this.#server.url, work)
  }
}

export async function withDatabase<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({
    ...{ url, applicationName: 'stephost bench', statementTimeoutMs },
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
