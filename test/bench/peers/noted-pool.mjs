// Connections on which a peer's own statement sends a job in a transaction of its own, whose number is noted.
import pg from 'pg'

/** Twice as many as where one round trip sends a message, since here it takes four. */
const connections = 8

/** Stands where a peer takes a pool. Jobs are named by the `id` that the statement answers. */
export class NotedPool {
  #pool
  #transactions = new Map()

  constructor(url, options = {}) {
    this.#pool = new pg.Pool({ connectionString: url, max: connections, ...options })
    this.#pool.on('error', () => {})
  }

  /** For what is no job: checks of the schema, and the like. */
  connect() {
    return this.#pool.connect()
  }

  on() {
    return this
  }

  async query(text, values) {
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      const answer = await client.query(text, values)
      const { rows } = await client.query('SELECT pg_current_xact_id_if_assigned()::text AS xid')
      await client.query('COMMIT')
      if (answer.rows[0]?.id !== undefined) this.#transactions.set(String(answer.rows[0].id), rows[0].xid)
      client.release()
      return answer
    } catch (error) {
      client.release(error)
      throw error
    }
  }

  /** Of the transaction that made this job; asked once. */
  transactionOf(id) {
    const xid = this.#transactions.get(String(id))
    this.#transactions.delete(String(id))
    return xid
  }

  end() {
    return this.#pool.end()
  }
}
