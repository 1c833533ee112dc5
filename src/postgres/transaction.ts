// One transaction on one connection: it begins with its first statement and can end with its last one, without round trips of their own.
import { HostError, isHostError } from '../model/host-error.ts'
import { sqlStateOf } from './database-fault.ts'
import type { OpenTransaction, Queryable, Statement } from './statement.ts'

export interface TransactionOptions {
  /** The server ends the transaction when it hears nothing for so long: a host that is paused in its midst must not keep its locks. */
  readonly silenceMaxMs: number
  /** Statements may be sent before those before them are answered. */
  readonly pipelined: boolean
}

/** The transaction has failed before: nothing is done until it ends. */
const abortedState = '25P02'

export class Transaction implements OpenTransaction {
  readonly #send: Queryable['query']
  readonly #options: TransactionOptions
  #begun: Promise<unknown> | null = null
  #last: Promise<unknown> = Promise.resolve()
  #firstFault: unknown = null
  #ending = false

  /** `send` runs a statement on the connection, which is nobody else's for as long as the transaction lasts. */
  constructor(send: Queryable['query'], options: TransactionOptions) {
    this.#send = send
    this.#options = options
  }

  /** Statements asked for together travel together, and run in their order. */
  query<Row extends object>(statement: Statement): Promise<Row[]> {
    return this.#begun === null ? this.#first(statement) : this.#next(statement)
  }

  async finish<Row extends object>(statement: Statement): Promise<Row[]> {
    const answer = this.query<Row>(statement)
    this.#ending = true
    const [rows, committed] = await Promise.allSettled([answer, this.#next({ text: 'COMMIT' })])
    if (rows.status === 'rejected') throw rows.reason
    if (committed.status === 'rejected') throw committed.reason
    return rows.value
  }

  /** Rejects with DATABASE_ANSWER_LOST when nobody knows whether it took place. */
  async commit(): Promise<void> {
    if (this.#begun === null || this.#ending) return
    this.#ending = true
    await this.#next({ text: 'COMMIT' })
  }

  /** Takes everything back and resolves with what `thrown` means for the whole transaction: before COMMIT was sent, a lost answer is no open question. */
  async rollBack(thrown: unknown): Promise<unknown> {
    // Of statements that were sent together all behind the first that failed are refused, and the refusal may be what its caller sees first.
    const error = sqlStateOf(thrown) === abortedState ? (this.#firstFault ?? thrown) : thrown
    if (isHostError(error, 'DATABASE_ANSWER_LOST') && !this.#ending) {
      return new HostError('DATABASE_UNREACHABLE', error.message, { cause: error.cause })
    }
    // When this fails the connection is lost: the pool must know, and the server rolls back by itself.
    const over = this.#ending || isHostError(error, 'DATABASE_UNREACHABLE')
    if (this.#begun !== null && !over) await this.#next({ text: 'ROLLBACK' })
    return error
  }

  async #first<Row extends object>(statement: Statement): Promise<Row[]> {
    const limit = `SET LOCAL idle_in_transaction_session_timeout = ${this.#options.silenceMaxMs}`
    this.#begun = this.#next({ text: `BEGIN; ${limit}` })
    const [begun, answer] = await Promise.allSettled([this.#begun, this.#next<Row>(statement)])
    if (begun.status === 'fulfilled' && answer.status === 'fulfilled') return answer.value
    if (begun.status === 'fulfilled') throw (answer as PromiseRejectedResult).reason
    if (answer.status === 'rejected') throw begun.reason
    // Somebody cancelled BEGIN alone, and the statement took place by itself.
    this.#ending = true
    const message = 'A transaction did not begin, and its first statement took place without it'
    throw new HostError('DATABASE_ANSWER_LOST', message, { cause: begun.reason })
  }

  #next<Row extends object>(statement: Statement): Promise<Row[]> {
    const send = () => this.#send<Row>(statement)
    const answer = this.#options.pipelined ? send() : this.#last.then(send, send)
    this.#last = answer
    // Whoever asked hears of it; until they wait for it, nobody else does.
    answer.catch((error: unknown) => {
      this.#firstFault ??= error
    })
    return answer
  }
}
