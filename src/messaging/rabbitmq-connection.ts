// The one connection to RabbitMQ: opened at start, and opened again with growing pauses when it is lost.

import { setTimeout as delay } from 'node:timers/promises'
import { type ChannelModel, connect } from 'amqplib'
import type { HostError } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import { type BrokerTarget, brokerFault, brokerTarget, unreachable } from './rabbitmq-fault.ts'

export interface RabbitmqConnectionOptions {
  readonly url: string
  readonly applicationName: string
  readonly heartbeatS: number
  /** How long connecting, and the goodbye, may take. Default 5 s. */
  readonly answerTimeoutMs?: number
  /** The longest pause between two attempts to reconnect. Default 10 s. */
  readonly reconnectDelayMaxMs?: number
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

/** What lives on the connection and has to be made anew with each one. */
export interface ConnectionUser {
  /** Rejects when it cannot work on this connection. At the start nothing goes on without it; after a reconnect the others do. */
  connected(connection: ChannelModel): Promise<void>
  lost(): void
}

const reconnectDelayBaseMs = 100

export class RabbitmqConnection implements Lifecycle {
  readonly target: BrokerTarget
  readonly #options: RabbitmqConnectionOptions
  readonly #users: ConnectionUser[] = []
  readonly #answerTimeoutMs: number
  readonly #watchers = new Set<() => void>()
  #life: AbortController | null = null
  #connection: ChannelModel | null = null
  #socket: AbortController | null = null
  #reconnecting: Promise<void> = Promise.resolve()
  #fault: HostError | null = null
  #blocked: string | null = null

  constructor(options: RabbitmqConnectionOptions) {
    this.#options = options
    this.#answerTimeoutMs = options.answerTimeoutMs ?? 5_000
    this.target = brokerTarget(options.url)
  }

  /**
   * Users are served in the order in which they were added. One that comes after the start, or again because it could not work, is served at once;
   * or the call rejects, and one that is new is not kept.
   */
  async add(user: ConnectionUser): Promise<void> {
    if (this.#life === null) {
      this.#users.push(user)
      return
    }
    const connection = this.current()
    await user.connected(connection).catch((error) => {
      user.lost()
      throw brokerFault(error, this.target)
    })
    if (this.#connection !== connection) {
      user.lost()
      this.current()
      throw unreachable(this.target, 'the connection was lost')
    }
    if (!this.#users.includes(user)) this.#users.push(user)
  }

  /** Why messages do not flow right now; null when they do. */
  get fault(): string | null {
    if (this.#blocked !== null) return `RabbitMQ at ${this.target.address} takes no messages: ${this.#blocked}`
    return this.#fault?.message ?? null
  }

  /** Calls `changed` when the connection is lost or back. Answers with the way to stop. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  /** Throws BROKER_UNREACHABLE while the connection is lost, and until its users are served again. */
  current(): ChannelModel {
    if (this.#connection !== null && this.#fault === null) return this.#connection
    throw this.#fault ?? unreachable(this.target, 'the connection is closed')
  }

  /** Rejects with BROKER_UNREACHABLE, BROKER_DENIED, BROKER_FAULT or QUEUE_MISMATCH. */
  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    try {
      await this.#connect({ isStart: true })
    } catch (error) {
      this.#life = null
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    await this.#reconnecting
    const connection = this.#connection
    this.#connection = null
    const socket = this.#socket
    const impatience = setTimeout(() => socket?.abort(), this.#answerTimeoutMs)
    await connection?.close().catch(() => undefined)
    clearTimeout(impatience)
  }

  /** A user found out that its part of the connection is broken: everything is made anew. */
  giveUp(error: unknown): void {
    const connection = this.#connection
    if (connection === null) return
    this.#lost(connection, error)
    connection.close().catch(() => undefined)
  }

  async #connect({ isStart }: { readonly isStart: boolean }): Promise<void> {
    const socket = new AbortController()
    const impatience = setTimeout(() => socket.abort(), this.#answerTimeoutMs)
    let connection: ChannelModel
    try {
      connection = await connect(this.#urlWithHeartbeat(), {
        ...{ timeout: this.#answerTimeoutMs, noDelay: true, keepAlive: true },
        clientProperties: { connection_name: this.#options.applicationName },
        // Handed on to the socket: ends a connection that no longer answers without asking it.
        ...{ signal: socket.signal },
      })
    } catch (error) {
      throw brokerFault(socket.signal.aborted ? unreachable(this.target, 'no answer in time') : error, this.target)
    } finally {
      clearTimeout(impatience)
    }
    connection.on('error', (error) => this.#lost(connection, error))
    connection.on('close', (error) => this.#lost(connection, error ?? new Error('the connection was closed')))
    connection.on('blocked', (reason) => {
      this.#blocked = reason
    })
    connection.on('unblocked', () => {
      this.#blocked = null
    })
    this.#connection = connection
    this.#socket = socket
    try {
      for (const user of [...this.#users]) {
        await user.connected(connection).catch((error: unknown) => {
          if (isStart || this.#connection !== connection) throw error
          this.#leaveOut(user, brokerFault(error, this.target))
        })
      }
    } catch (error) {
      const fault = brokerFault(error, this.target)
      this.#forget()
      connection.close().catch(() => undefined)
      throw fault
    }
    // Lost while it was being put to use: the loss could not start a reconnect, because this attempt is one.
    if (this.#connection !== connection) throw this.#fault ?? unreachable(this.target, 'the connection was closed')
    this.#fault = null
    for (const changed of this.#watchers) changed()
  }

  /** One that cannot work keeps nobody else from it. It may be added again, and is asked again with the next connection. */
  #leaveOut(user: ConnectionUser, fault: HostError): void {
    if (fault.code === 'BROKER_UNREACHABLE') throw fault
    user.lost()
    this.#options.warn('a queue of RabbitMQ cannot be used on the new connection', {
      error: fault.message,
      hint: fault.hint,
    })
  }

  /** Called for every sign of a loss; only the first one of a connection counts. */
  #lost(connection: ChannelModel, error: unknown): void {
    if (this.#connection !== connection) return
    this.#fault = brokerFault(error, this.target)
    this.#forget()
    if (this.#life === null) return
    this.#options.warn('the connection to RabbitMQ was lost', { error: this.#fault.message })
    this.#reconnecting = this.#reconnecting.then(() => this.#reconnect())
  }

  #forget(): void {
    this.#connection = null
    this.#blocked = null
    for (const user of this.#users) user.lost()
    for (const changed of this.#watchers) changed()
  }

  async #reconnect(): Promise<void> {
    for (let attempt = 0; this.#life !== null && this.#connection === null; attempt += 1) {
      const pauseMaxMs = Math.min(this.#options.reconnectDelayMaxMs ?? 10_000, reconnectDelayBaseMs * 2 ** attempt)
      // Jitter keeps the hosts of a fleet from all coming back in the same moment.
      const pauseMs = pauseMaxMs * (0.5 + Math.random() / 2)
      await delay(pauseMs, undefined, { signal: this.#life.signal }).catch(() => undefined)
      if (this.#life === null) return
      await this.#connect({ isStart: false }).catch((error: unknown) => {
        this.#fault = brokerFault(error, this.target)
      })
    }
  }

  #urlWithHeartbeat(): string {
    const url = new URL(this.#options.url)
    if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(this.#options.heartbeatS))
    return url.toString()
  }
}
