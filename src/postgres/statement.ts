// What every query of this room is written against: one statement in, its rows out.

export interface Statement {
  /** Set: prepared once per connection under this name. The same name must always carry the same text. */
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
  /** A row is its values in the order of its columns, which costs less than an object where those are many. */
  readonly rows?: 'arrays'
  /** Shorter than the connection's own limit: with no answer by then the connection is given up. */
  readonly answerTimeoutMs?: number
}

export interface Queryable {
  /**
   * Runs one statement and resolves with its rows. int8, numeric, times and JSON documents arrive as PostgreSQL's own text.
   * Rejects with a HostError. DATABASE_ANSWER_LOST: nobody knows whether it took place. With every other code it did not: DATABASE_UNREACHABLE
   * (not sent), DATABASE_UNAVAILABLE (the server takes no work now), DATABASE_DENIED, DATABASE_FAULT (the statement or its data).
   */
  query<Row extends object>(statement: Statement): Promise<Row[]>
}

export interface OpenTransaction extends Queryable {
  /** Runs the last statement and commits with it, in one round trip. A statement that fails takes everything back. */
  finish<Row extends object>(statement: Statement): Promise<Row[]>
}

/** For whoever runs one statement, which is to be the last of the transaction. */
export function lastOf(transaction: OpenTransaction): Queryable {
  return { query: (statement) => transaction.finish(statement) }
}
