// Turns what `pg` throws into HostErrors that say which server it was and what is wrong, and never the password.
import pg from 'pg'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'

/** The server and the account as a person knows them. */
export interface DatabaseTarget {
  /** `host:port`, or the socket's directory. */
  readonly address: string
  readonly user: string
  readonly database: string
}

/** The SQLSTATE of a PostgreSQL error, also of one that became a HostError; null when there is none. */
export function sqlStateOf(error: unknown): string | null {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof pg.DatabaseError) return current.code ?? null
  }
  return null
}

/** Classes of SQLSTATE after which the server, not the statement, is the problem: it is not there, or it ends the connection. */
const unreachableStates = /^(08|57P0|53300|40003|25P0[34])/
/** It is there and takes no work: out of resources, a system error, read-only (a standby), or too busy for the time limits. */
const unavailableStates = /^(53|58|25006|57014|55P03)/
const deniedStates = /^(28|3D000|42501)/

const systemReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ENOENT: 'there is no such socket',
}

/** HostErrors pass untouched, so that a fault is mapped once however many layers it crosses. */
export function databaseFault(error: unknown, target: DatabaseTarget): HostError {
  if (isHostError(error)) return error
  const state = sqlStateOf(error)
  const said = messageOf(error)
  if (/unsupported startup parameter/i.test(said)) {
    const message = `${target.address} is a pooler that takes no session settings: ${said}`
    return new HostError('DATABASE_POOLED', message, { cause: error })
  }
  if (state !== null && deniedStates.test(state)) {
    const account = `user "${target.user}", database "${target.database}" at ${target.address}`
    return new HostError('DATABASE_DENIED', `PostgreSQL denied ${account}: ${said} (SQLSTATE ${state})`, {
      cause: error,
    })
  }
  if (state !== null && !unreachableStates.test(state) && unavailableStates.test(state)) {
    const message = `PostgreSQL at ${target.address} takes no work: ${said} (SQLSTATE ${state})`
    return new HostError('DATABASE_UNAVAILABLE', message, { cause: error })
  }
  if (state !== null && !unreachableStates.test(state)) {
    return new HostError('DATABASE_FAULT', `${said} (SQLSTATE ${state})${detailOf(error)}`, { cause: error })
  }
  const reason = state === null ? reasonOf(error) : `${said} (SQLSTATE ${state})`
  if (reason === null) return new HostError('DATABASE_FAULT', said, { cause: error })
  const message = `PostgreSQL at ${target.address} cannot be reached: ${reason}`
  return new HostError('DATABASE_UNREACHABLE', message, { cause: error })
}

/** The fault of a statement that was on its way: a connection that broke then leaves it open whether the statement took place. */
export function statementFault(error: unknown, target: DatabaseTarget): HostError {
  const fault = databaseFault(error, target)
  // `pg` says this of a connection that broke before: the statement was never sent.
  if (fault.code !== 'DATABASE_UNREACHABLE' || /not queryable/i.test(messageOf(error))) return fault
  const reason = sqlStateOf(error) === null ? reasonOf(error) : messageOf(error)
  const message = `The connection to PostgreSQL at ${target.address} broke while a statement was under way: ${reason}`
  return new HostError('DATABASE_ANSWER_LOST', message, { cause: error })
}

/** Nothing came back for longer than the server would let a statement run. */
export function isSilence(error: unknown): boolean {
  return error instanceof HostError && error.cause instanceof Error && error.cause.message === 'Query read timeout'
}

function detailOf(error: unknown): string {
  return error instanceof pg.DatabaseError && error.detail ? `: ${error.detail}` : ''
}

/** Why the server did not answer; null when this is no matter of the connection. */
function reasonOf(error: unknown): string | null {
  // A name with several addresses fails with one error per address; the first is the one to tell.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return null
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined) return `${systemReasons[code] ?? error.message} (${code})`
  // `pg` gives these no code: lost connections, its two time limits and a refused TLS handshake.
  return /connection|timeout|not queryable|SSL/i.test(error.message) ? error.message : null
}
