// The connections of one part that can die at any of its statements: from then on nothing that it says reaches PostgreSQL.
import { HostError } from '../../../src/model/host-error.ts'
import { Database } from '../../../src/postgres/database.ts'
import type { OpenTransaction, Statement } from '../../../src/postgres/statement.ts'

export interface Fate {
  readonly statements: number
  readonly how: 'unsaid' | 'unheard'
}

export interface MortalOptions {
  /** Counts the statements of all parts. */
  readonly onStatement: () => void
  readonly onDeath: () => void
}

/** Runs on connections that it shares with others; it needs no start. */
export class MortalDatabase extends Database {
  readonly #shared: Database
  readonly #options: MortalOptions
  #fate: Fate | null = null
  #dead = false

  constructor(shared: Database, options: MortalOptions) {
    super({
      url: 'postgres://nobody@localhost/nothing',
      applicationName: 'model',
      connectionsMax: 1,
      acquireTimeoutMs: 1,
    })
    this.#shared = shared
    this.#options = options
  }

  get isDead(): boolean {
    return this.#dead
  }

  dieAt(fate: Fate): void {
    this.#fate ??= fate
  }

  override async query<Row extends object>(statement: Statement): Promise<Row[]> {
    return this.#say(() => this.#shared.query<Row>(statement))
  }

  override async transaction<T>(work: (transaction: OpenTransaction) => Promise<T>): Promise<T> {
    this.#checkAlive()
    const result = await this.#shared.transaction(async (transaction) => {
      let finished = false
      const done = await work({
        query: (statement) => this.#say(() => transaction.query(statement)),
        finish: async (statement) => {
          finished = true
          return this.#say(() => this.#sayCommit(() => transaction.finish(statement)))
        },
      })
      return finished ? done : this.#sayCommit(async () => done)
    })
    this.#checkAlive()
    return result
  }

  /** Thrown before COMMIT, the death rolls back, as the server does for who is gone. */
  async #sayCommit<T>(commit: () => Promise<T>): Promise<T> {
    this.#checkAlive()
    if (this.#count() === 'unsaid') this.#checkAlive()
    return commit()
  }

  async #say<T>(speak: () => Promise<T>): Promise<T> {
    this.#checkAlive()
    const lastWords = this.#count()
    if (lastWords === 'unsaid') this.#checkAlive()
    const answer = await speak()
    this.#checkAlive()
    return answer
  }

  /** How this statement is the last one; null: it is not. */
  #count(): Fate['how'] | null {
    this.#options.onStatement()
    if (this.#fate === null) return null
    if (this.#fate.statements > 0) {
      this.#fate = { ...this.#fate, statements: this.#fate.statements - 1 }
      return null
    }
    const { how } = this.#fate
    this.#dead = true
    this.#fate = null
    this.#options.onDeath()
    return how
  }

  #checkAlive(): void {
    if (this.#dead) throw new HostError('DATABASE_UNREACHABLE', 'This part of the schedule has crashed')
  }
}
