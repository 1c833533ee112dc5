// The host's one LISTEN connection: notifications become wake-ups, and a lost or silent connection is replaced (design D4).
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { WakeUps } from '../model/wake-ups.ts'
import { type ConnectionSettings, connectionSettings } from './connection-settings.ts'
import { ListenSession } from './listen-session.ts'

export interface ListenerOptions {
  /** Of the server itself: behind a pooler in transaction mode LISTEN never delivers. */
  readonly url: string
  readonly applicationName: string
  /** How often a quiet connection is asked whether it lives. Default 10 s. */
  readonly heartbeatMs?: number
  /** How long connecting, LISTEN and the heartbeat may take. Default 5 s. */
  readonly answerTimeoutMs?: number
  /** The longest pause between two attempts to reconnect. Default 10 s. */
  readonly reconnectDelayMaxMs?: number
}

export interface ListenerHealth {
  readonly connected: boolean
  /** Milliseconds since 1970 by this machine's clock; null before the first. */
  readonly lastNotificationAtMs: number | null
  readonly reconnects: number
  /** Why it is not connected; null when it is. */
  readonly message: string | null
}

interface Subscription {
  readonly wake: () => void
}

const reconnectDelayBaseMs = 100
const channelBytesMax = 63

export class Listener implements WakeUps, Lifecycle {
  readonly #settings: ConnectionSettings
  readonly #heartbeatMs: number
  readonly #answerTimeoutMs: number
  readonly #reconnectDelayMaxMs: number
  readonly #channels = new Map<string, Set<Subscription>>()
  #life: AbortController | null = null
  #session: ListenSession | null = null
  #reconnecting: Promise<void> = Promise.resolve()
  #lastNotificationAtMs: number | null = null
  #reconnects = 0
  #message: string | null = 'not started'

  /** Opens nothing yet. Throws CONFIG_INVALID when the URL cannot be read. */
  constructor(options: ListenerOptions) {
    this.#settings = connectionSettings(options)
    this.#heartbeatMs = options.heartbeatMs ?? 10_000
    this.#answerTimeoutMs = options.answerTimeoutMs ?? 5_000
    this.#reconnectDelayMaxMs = options.reconnectDelayMaxMs ?? 10_000
  }

  /** Connects once; from then on losses are repaired in the background. Rejects with a HostError when it cannot. */
  async start(): Promise<void> {
    if (this.#life !== null) return
    const life = new AbortController()
    this.#life = life
    try {
      await this.#connect(life.signal)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    const session = this.#session
    this.#session = null
    this.#message = 'stopped'
    await session?.close()
    await this.#reconnecting
  }

  health(): ListenerHealth {
    return {
      connected: this.#session !== null,
      lastNotificationAtMs: this.#lastNotificationAtMs,
      reconnects: this.#reconnects,
      message: this.#message,
    }
  }

  /**
   * See `WakeUps`. While the connection is down the channel is only noted, and listened to after the reconnect.
   * Rejects with DATABASE_FAULT when PostgreSQL refuses the channel.
   */
  async listen(channel: string, wake: () => void): Promise<() => Promise<void>> {
    // PostgreSQL would cut the name to 63 bytes in some places and refuse it in others.
    if (channel === '' || channel.includes('\0') || Buffer.byteLength(channel) > channelBytesMax) {
      throw new HostError('DATABASE_FAULT', `"${channel}" cannot be a channel: it needs 1 to ${channelBytesMax} bytes`)
    }
    const subscription: Subscription = { wake }
    const subscriptions = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, subscriptions.add(subscription))
    if (subscriptions.size === 1) await this.#tell(`LISTEN ${pg.escapeIdentifier(channel)}`)
    return async () => {
      if (!subscriptions.delete(subscription) || subscriptions.size > 0) return
      this.#channels.delete(channel)
      await this.#tell(`UNLISTEN ${pg.escapeIdentifier(channel)}`)
    }
  }

  /** A statement that fails because the connection is gone is made good by the reconnect, which listens to all channels. */
  async #tell(text: string): Promise<void> {
    const session = this.#session
    await session?.run(text).catch((fault) => {
      if (!isHostError(fault, 'DATABASE_UNREACHABLE')) throw fault
      this.#lost(session, fault)
    })
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const session = new ListenSession({
      settings: this.#settings,
      heartbeatMs: this.#heartbeatMs,
      answerTimeoutMs: this.#answerTimeoutMs,
      onNotification: (channel) => this.#notified(channel),
      onLost: (lost, fault) => this.#lost(lost, fault),
    })
    await session.open(signal)
    try {
      const listened = new Set<string>()
      for (;;) {
        signal.throwIfAborted()
        // Others may be added while the statements are under way; once none is missing, nothing may come between.
        const missing = [...this.#channels.keys()].filter((channel) => !listened.has(channel))
        if (missing.length === 0) break
        await session.run(missing.map((channel) => `LISTEN ${pg.escapeIdentifier(channel)}`).join(';'))
        for (const channel of missing) listened.add(channel)
      }
    } catch (error) {
      session.destroy()
      throw error
    }
    this.#session = session
    this.#message = null
  }

  #notified(channel: string): void {
    this.#lastNotificationAtMs = Date.now()
    for (const { wake } of this.#channels.get(channel) ?? []) wake()
  }

  /** Called for every sign of a loss; only the first one of a session counts. */
  #lost(session: ListenSession, fault: HostError): void {
    if (this.#session !== session || this.#life === null) return
    this.#session = null
    this.#message = fault.message
    session.destroy()
    this.#reconnecting = this.#reconnect(this.#life.signal)
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      // Jitter keeps the hosts of a fleet from all coming back in the same moment.
      const pauseMs =
        Math.min(this.#reconnectDelayMaxMs, reconnectDelayBaseMs * 2 ** attempt) * (0.5 + Math.random() / 2)
      try {
        await delay(pauseMs, undefined, { signal })
        await this.#connect(signal)
        break
      } catch (error) {
        if (signal.aborted) return
        this.#message = messageOf(error)
      }
    }
    this.#reconnects += 1
    // Whatever was sent meanwhile is lost; everybody looks for himself.
    for (const subscriptions of this.#channels.values()) for (const { wake } of subscriptions) wake()
  }
}
