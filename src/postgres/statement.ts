// What every query of this room is written against: one statement in, its rows out.

export interface Statement {
  /** Set: prepared once per connection under this name. The same name must always carry the same text. */
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
}

export interface Queryable {
  /**
   * Runs one statement and resolves with its rows. int8, numeric, times and JSON documents arrive as PostgreSQL's own text.
   * Rejects with a HostError: DATABASE_UNREACHABLE (the outcome is unknown), DATABASE_DENIED or DATABASE_FAULT.
   */
  query<Row extends object>(statement: Statement): Promise<Row[]>
}
