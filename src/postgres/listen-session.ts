// One connection that listens, from its opening to its loss; the listener replaces it by another.
import { Socket } from 'node:net'
import pg from 'pg'
import type { HostError } from '../model/host-error.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { databaseFault } from './database-fault.ts'

export interface ListenSessionOptions {
  readonly settings: ConnectionSettings
  readonly heartbeatMs: number
  readonly answerTimeoutMs: number
  readonly onNotification: (channel: string) => void
  /** Called for every sign that the connection is gone, perhaps more than once, and also before `open` rejects. */
  readonly onLost: (session: ListenSession, fault: HostError) => void
}

export class ListenSession {
  readonly #options: ListenSessionOptions
  readonly #client: pg.Client
  /** Ours, so that a connection that no longer answers can be ended without asking it. */
  readonly #socket = new Socket()
  #turn: Promise<unknown> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | null = null

  constructor(options: ListenSessionOptions) {
    this.#options = options
    this.#client = new pg.Client({
      ...options.settings.config,
      stream: () => this.#socket,
      connectionTimeoutMillis: options.answerTimeoutMs,
      query_timeout: options.answerTimeoutMs,
    })
    this.#client.on('error', (error) => this.#lost(error))
    this.#client.on('end', () => this.#lost(new Error('the connection was closed')))
    this.#client.on('notification', ({ channel }) => options.onNotification(channel))
  }

  /** Resolves when the server has let us in. Rejects with a HostError, and at once when `signal` is aborted. */
  async open(signal: AbortSignal): Promise<void> {
    const abort = () => this.destroy()
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      await this.#client.connect()
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
    const turn = this.#turn.then(() => this.#client.query(text))
    this.#turn = turn.catch(() => {})
    await turn.catch((error) => Promise.reject(this.#faultOf(error)))
  }

  /** Says goodbye to the server and resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#stopHeartbeat()
    await this.#turn
    const impatience = setTimeout(() => this.#socket.destroy(), this.#options.answerTimeoutMs)
    await this.#client.end().catch(() => {})
    clearTimeout(impatience)
    this.#socket.destroy()
  }

  /** Ends the connection without waiting for anybody. */
  destroy(): void {
    this.#stopHeartbeat()
    this.#socket.destroy()
  }

  /** A connection can die without a word, behind a firewall for instance; only a question finds out. */
  #scheduleHeartbeat(): void {
    this.#heartbeat = setTimeout(() => {
      this.run('SELECT 1').then(
        () => this.#heartbeat !== null && this.#scheduleHeartbeat(),
        (fault) => this.#lost(fault),
      )
    }, this.#options.heartbeatMs)
  }

  #stopHeartbeat(): void {
    if (this.#heartbeat !== null) clearTimeout(this.#heartbeat)
    this.#heartbeat = null
  }

  #lost(error: unknown): void {
    this.#options.onLost(this, this.#faultOf(error))
  }

  #faultOf(error: unknown): HostError {
    return databaseFault(error, this.#options.settings.target)
  }
}
