// One connection that listens, from its opening to its loss; the listener replaces it by another.
import { Socket } from 'node:net'
import pg from 'pg'
import { HostError } from '../model/host-error.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { databaseFault } from './database-fault.ts'

export interface ListenSessionOptions {
  readonly settings: ConnectionSettings
  readonly heartbeatMs: number
  /** How long LISTEN and the heartbeat may take. */
  readonly answerTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly onNotification: (channel: string, payload: string) => void
  /** Called for every sign that the connection is gone, perhaps more than once, and also before `open` rejects. */
  readonly onLost: (session: ListenSession, fault: HostError) => void
}

export class ListenSession {
  readonly #options: ListenSessionOptions
  readonly #client: pg.Client
  /** Ours, so that a connection that no longer answers can be ended without asking it. */
  readonly #socket = new Socket()
  readonly #ended = new AbortController()
  #turn: Promise<unknown> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | null = null
  #backend: number | null = null

  constructor(options: ListenSessionOptions) {
    this.#options = options
    this.#client = new pg.Client({
      ...options.settings.config,
      stream: () => this.#socket,
      connectionTimeoutMillis: options.connectTimeoutMs,
      query_timeout: options.answerTimeoutMs,
    })
    this.#client.on('error', (error) => this.#lost(error))
    this.#client.on('end', () => this.#lost(new Error('the connection was closed')))
    this.#client.on('notification', ({ channel, payload }) => options.onNotification(channel, payload ?? ''))
  }

  /** Aborted when the connection is closed or given up. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** The backend that works for us is not the one that greeted us: somebody stands between, and passes its own greetings. */
  get pooled(): boolean {
    const greeted = (this.#client as unknown as { processID: number | null }).processID
    return this.#backend !== null && greeted !== this.#backend
  }

  /** Resolves when the server has let us in. Rejects with a HostError, and at once when `signal` is aborted. */
  async open(signal: AbortSignal): Promise<void> {
    const abort = () => this.destroy()
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      await this.#client.connect()
      await this.look()
    } catch (error) {
      this.destroy()
      throw this.#faultOf(error)
    } finally {
      signal.removeEventListener('abort', abort)
    }
    this.#scheduleHeartbeat()
  }

  /** Runs statements one after the other, as the connection can. Rejects with a HostError. */
  async run(text: string): Promise<void> {
    await this.#ask(text)
  }

  /** One round trip. Rejects with a HostError, also when another backend answers than before: what listens is then not ours. */
  async look(): Promise<void> {
    const { rows } = await this.#ask<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const backend = rows[0]?.pid ?? null
    if (this.#backend !== null && backend !== this.#backend) {
      const { address } = this.#options.settings.target
      throw new HostError(
        'NOTIFICATIONS_LOST',
        `${address} is a pooler in transaction mode: statements of one connection reach different backends, so LISTEN has no effect`,
      )
    }
    this.#backend = backend
  }

  /** Says goodbye to the server and resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#end()
    await this.#turn
    const impatience = setTimeout(() => this.#socket.destroy(), this.#options.answerTimeoutMs)
    await this.#client.end().catch(() => {})
    clearTimeout(impatience)
    this.#socket.destroy()
  }

  /** Ends the connection without waiting for anybody. */
  destroy(): void {
    this.#end()
    this.#socket.destroy()
  }

  async #ask<Row extends object>(text: string): Promise<pg.QueryResult<Row>> {
    const turn = this.#turn.then(() => this.#client.query<Row>(text))
    this.#turn = turn.catch(() => {})
    return turn.catch((error) => Promise.reject(this.#faultOf(error)))
  }

  /** A connection can die without a word, behind a firewall for instance; only a question finds out. */
  #scheduleHeartbeat(): void {
    this.#heartbeat = setTimeout(() => {
      this.look().then(
        () => this.#heartbeat !== null && this.#scheduleHeartbeat(),
        (fault) => this.#lost(fault),
      )
    }, this.#options.heartbeatMs)
  }

  #end(): void {
    if (this.#heartbeat !== null) clearTimeout(this.#heartbeat)
    this.#heartbeat = null
    this.#ended.abort()
  }

  #lost(error: unknown): void {
    this.#options.onLost(this, this.#faultOf(error))
  }

  #faultOf(error: unknown): HostError {
    return databaseFault(error, this.#options.settings.target)
  }
}
