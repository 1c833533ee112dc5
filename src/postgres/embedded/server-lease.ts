// Who uses an embedded server: every host holds a shared lock inside it for as long as it lives, the last one may stop it.
import pg from 'pg'

/** Any number that nothing else locks in the database `postgres`. */
const leaseKey = 7_305_511_804

const queryTimeoutMs = 60_000

/**
 * One connection with a shared advisory lock. A host that is killed loses it with its connection, so no file names users
 * that are long dead, and nobody can join a server while its last user is stopping it.
 */
export class ServerLease {
  readonly port: number
  readonly #client: pg.Client

  private constructor(client: pg.Client, port: number) {
    this.#client = client
    this.port = port
  }

  /** null: somebody is about to stop the server. Rejects when it cannot be reached. */
  static async take(options: { url: string; port: number; timeoutMs: number }): Promise<ServerLease | null> {
    const { url, port, timeoutMs } = options
    const client = new pg.Client({
      connectionString: url,
      application_name: 'stephost lease',
      connectionTimeoutMillis: timeoutMs,
      query_timeout: queryTimeoutMs,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query('SELECT pg_try_advisory_lock_shared($1) AS taken', [leaseKey])
      if (rows[0]?.taken === true) return new ServerLease(client, port)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    await client.end().catch(() => {})
    return null
  }

  /** Makes the database where it is missing; another host may do the same at this moment. */
  async ensureDatabase(name: string): Promise<void> {
    const { rowCount } = await this.#client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rowCount !== 0) return
    await this.#client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`).catch((error: pg.DatabaseError) => {
      if (error.code !== '42P04' && error.code !== '23505') throw error
    })
  }

  /** Gives the lock back and runs `whenLast` when no other host holds it; nobody new gets in meanwhile. */
  async release(whenLast: () => Promise<void>): Promise<void> {
    try {
      await this.#client.query('SELECT pg_advisory_unlock_shared($1)', [leaseKey])
      const { rows } = await this.#client.query('SELECT pg_try_advisory_lock($1) AS last', [leaseKey])
      if (rows[0]?.last === true) await whenLast()
    } finally {
      await this.#client.end().catch(() => {})
    }
  }
}
