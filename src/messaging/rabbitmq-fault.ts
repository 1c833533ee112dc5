// Turns what amqplib throws into HostErrors that say which broker it was and what is wrong, and never the password.

import { HostError, isHostError, messageOf } from '../model/host-error.ts'

const systemReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no route to the host',
}

/** Reply codes of the broker. Source: AMQP 0-9-1, constants. */
const codes = { accessRefused: 403, notAllowed: 530, preconditionFailed: 406 } as const

export interface BrokerTarget {
  /** `host:port`. */
  readonly address: string
  readonly user: string
  readonly virtualHost: string
}

/** For a URL that the configuration has accepted. */
export function brokerTarget(url: string): BrokerTarget {
  const { hostname, port, protocol, username, pathname } = new URL(url)
  return {
    address: `${hostname}:${port || (protocol === 'amqps:' ? '5671' : '5672')}`,
    user: decodeURIComponent(username) || 'guest',
    virtualHost: decodeURIComponent(pathname.slice(1)) || '/',
  }
}

/** HostErrors pass untouched. */
export function brokerFault(error: unknown, target: BrokerTarget): HostError {
  if (isHostError(error)) return error
  const said = messageOf(error)
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined
  // What amqplib says when the broker closes the connection instead of opening the virtual host.
  if (/Expected ConnectionOpenOk/.test(said)) {
    const message = `RabbitMQ at ${target.address} does not open the virtual host "${target.virtualHost}" to user "${target.user}": there is none of this name, or no right to it`
    return new HostError('BROKER_DENIED', message, { cause: error })
  }
  const denied = code === codes.accessRefused || code === codes.notAllowed
  if (denied || /ACCESS.REFUSED|NOT.ALLOWED/.test(said)) {
    const account = `user "${target.user}", virtual host "${target.virtualHost}" at ${target.address}`
    return new HostError('BROKER_DENIED', `RabbitMQ denied ${account}: ${said}`, { cause: error })
  }
  if (typeof code === 'number') return new HostError('BROKER_FAULT', `RabbitMQ: ${said}`, { cause: error })
  // A name with several addresses fails with one error per address; the first is the one to tell.
  if (error instanceof AggregateError && error.errors.length > 0) return brokerFault(error.errors[0], target)
  const reason = typeof code === 'string' ? `${systemReasons[code] ?? said} (${code})` : said
  return unreachable(target, reason, error)
}

export function unreachable(target: BrokerTarget, reason: string, cause?: unknown): HostError {
  return new HostError('BROKER_UNREACHABLE', `RabbitMQ at ${target.address} cannot be reached: ${reason}`, { cause })
}

export function isOtherArguments(error: unknown): boolean {
  return error instanceof Error && (error as Error & { code?: unknown }).code === codes.preconditionFailed
}
