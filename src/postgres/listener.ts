// The host's one LISTEN connection: notifications become wake-ups, and a lost, silent or deaf connection is replaced (design D4).
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { WakeUps } from '../model/wake-ups.ts'
import { type ConnectionSettings, connectionSettings } from './connection-settings.ts'
import { ListenSession } from './listen-session.ts'
import { SelfProbe, type SendNotification } from './self-probe.ts'

export interface ListenerOptions {
  /** Of the server itself: behind a pooler in transaction mode LISTEN never delivers. */
  readonly url: string
  readonly applicationName: string
  /** Sends the self-probe through the pool. Without it a connection that lives counts as one that hears. */
  readonly send?: SendNotification
  /** How often a connection is probed. Default 30 s. */
  readonly probeIntervalMs?: number
  /** How often a quiet connection is asked whether it lives. Default 10 s. */
  readonly heartbeatMs?: number
  /** How long LISTEN, the heartbeat and the self-probe may take. Default 5 s. */
  readonly answerTimeoutMs?: number
  /** How long connecting may take. Default: as an answer. */
  readonly connectTimeoutMs?: number
  /** The longest pause between two attempts to reconnect. Default 5 s. */
  readonly reconnectDelayMaxMs?: number
}

export interface ListenerHealth {
  readonly connected: boolean
  /** See `WakeUps`. */
  readonly arriving: boolean
  /** Milliseconds since 1970 by this machine's clock; null before the first. Self-probes do not count. */
  readonly lastNotificationAtMs: number | null
  readonly reconnects: number
  /** Why notifications are not known to arrive; null when they are. */
  readonly message: string | null
}

interface Subscription {
  readonly wake: () => void
}

interface Channel {
  readonly subscriptions: Set<Subscription>
  /** Rejects when PostgreSQL refuses the channel, for all who wait for it. */
  readonly told: Promise<void>
}

const reconnectDelayBaseMs = 100
const channelBytesMax = 63

export class Listener implements WakeUps, Lifecycle {
  readonly #settings: ConnectionSettings
  readonly #options: Required<Omit<ListenerOptions, 'url' | 'applicationName' | 'send'>>
  readonly #probe: SelfProbe | null
  readonly #channels = new Map<string, Channel>()
  readonly #watchers = new Set<() => void>()
  #life: AbortController | null = null
  #session: ListenSession | null = null
  #keeping: Promise<void> = Promise.resolve()
  #lastNotificationAtMs: number | null = null
  #reconnects = 0
  #arriving = false
  #message: string | null = 'not started'

  /** Opens nothing yet. Throws CONFIG_INVALID when the URL cannot be read. */
  constructor(options: ListenerOptions) {
    const { answerTimeoutMs = 5_000 } = options
    this.#settings = connectionSettings(options)
    this.#options = {
      probeIntervalMs: options.probeIntervalMs ?? 30_000,
      heartbeatMs: options.heartbeatMs ?? 10_000,
      answerTimeoutMs,
      connectTimeoutMs: options.connectTimeoutMs ?? answerTimeoutMs,
      reconnectDelayMaxMs: options.reconnectDelayMaxMs ?? 5_000,
    }
    this.#probe = options.send === undefined ? null : new SelfProbe(options.send, answerTimeoutMs)
  }

  /**
   * Connects once and probes; from then on losses are repaired in the background. Rejects with a HostError when it cannot connect. A
   * connection that hears nothing is told by `health`, and by `watch`.
   */
  async start(): Promise<void> {
    if (this.#life !== null) return
    const life = new AbortController()
    this.#life = life
    try {
      const session = await this.#connect(life.signal)
      await this.#proves(session)
      if (!life.signal.aborted) this.#keeping = this.#keep(session, life.signal)
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
    this.#tellState(false, 'stopped')
    await session?.close()
    await this.#keeping
  }

  get arriving(): boolean {
    return this.#arriving
  }

  health(): ListenerHealth {
    return {
      connected: this.#session !== null,
      arriving: this.#arriving,
      lastNotificationAtMs: this.#lastNotificationAtMs,
      reconnects: this.#reconnects,
      message: this.#message,
    }
  }

  watch(changed: () => void): () => void {
    const watcher = () => changed()
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /**
   * See `WakeUps`. While the connection is down the channel is only noted, and listened to after the reconnect.
   * Rejects with DATABASE_FAULT when PostgreSQL refuses the channel; then nothing is left of it, for each reconnect would be refused too.
   */
  async listen(channel: string, wake: () => void): Promise<() => Promise<void>> {
    // PostgreSQL would cut the name to 63 bytes in some places and refuse it in others.
    if (channel === '' || channel.includes('\0') || Buffer.byteLength(channel) > channelBytesMax) {
      throw new HostError('DATABASE_FAULT', `"${channel}" cannot be a channel: it needs 1 to ${channelBytesMax} bytes`)
    }
    const subscription: Subscription = { wake }
    const { subscriptions, told } = this.#channels.get(channel) ?? this.#add(channel)
    subscriptions.add(subscription)
    /** False: others listen still, or this one had left before. */
    const leave = () => {
      if (!subscriptions.delete(subscription) || subscriptions.size > 0) return false
      return this.#channels.delete(channel)
    }
    try {
      await told
    } catch (fault) {
      leave()
      throw fault
    }
    return async () => {
      if (leave()) await this.#tell(`UNLISTEN ${pg.escapeIdentifier(channel)}`)
    }
  }

  #add(channel: string): Channel {
    const added = { subscriptions: new Set<Subscription>(), told: this.#tell(`LISTEN ${pg.escapeIdentifier(channel)}`) }
    this.#channels.set(channel, added)
    return added
  }

  /** A statement that fails because the connection is gone is made good by the reconnect, which listens to all channels. */
  async #tell(text: string): Promise<void> {
    const session = this.#session
    await session?.run(text).catch((fault) => {
      if (!isHostError(fault, 'DATABASE_UNREACHABLE')) throw fault
      this.#lost(session, fault)
    })
  }

  async #connect(signal: AbortSignal): Promise<ListenSession> {
    const session = new ListenSession({
      ...this.#options,
      settings: this.#settings,
      onNotification: (channel, payload) => this.#notified(channel, payload),
      onLost: (lost, fault) => this.#lost(lost, fault),
    })
    await session.open(signal)
    try {
      const listened = new Set<string>()
      for (;;) {
        signal.throwIfAborted()
        // Others may be added while the statements are under way; once none is missing, nothing may come between.
        const missing = this.#wanted().filter((channel) => !listened.has(channel))
        if (missing.length === 0) break
        await session.run(missing.map((channel) => `LISTEN ${pg.escapeIdentifier(channel)}`).join(';'))
        for (const channel of missing) listened.add(channel)
      }
    } catch (error) {
      session.destroy()
      throw error
    }
    this.#session = session
    if (this.#probe === null) this.#tellState(true, null)
    return session
  }

  #wanted(): readonly string[] {
    return [...(this.#probe === null ? [] : [this.#probe.channel]), ...this.#channels.keys()]
  }

  #notified(channel: string, payload: string): void {
    if (channel === this.#probe?.channel) {
      this.#probe.heard(payload)
      return
    }
    this.#lastNotificationAtMs = Date.now()
    for (const { wake } of this.#channels.get(channel)?.subscriptions ?? []) wake()
  }

  /** False: the session is lost. */
  async #proves(session: ListenSession): Promise<boolean> {
    try {
      await this.#prove(session)
      return true
    } catch (error) {
      this.#lost(session, error)
      return false
    }
  }

  /** Rejects with NOTIFICATIONS_LOST when the session hears nothing, and with its fault when it is gone. */
  async #prove(session: ListenSession): Promise<void> {
    const outcome = await this.#probe?.run(() => session.look(), session.signal)
    if (outcome === 'arrived') this.#tellState(true, null)
    if (outcome === 'unsent' && !this.#arriving) this.#tellState(false, 'the self-probe could not be sent yet')
    if (outcome === 'lost') throw new HostError('NOTIFICATIONS_LOST', this.#whyDeaf(session))
  }

  #whyDeaf(session: ListenSession): string {
    const { address } = this.#settings.target
    const fact = `a notification sent through the pool did not reach the connection that listens at ${address} within ${this.#options.answerTimeoutMs} ms`
    return session.pooled
      ? `${fact}: that is a pooler, and in transaction mode poolers do not deliver notifications`
      : `${fact}: it must be the same database`
  }

  /** Called for every sign of a loss; only the first one of a session counts. */
  #lost(session: ListenSession, fault: unknown): void {
    if (this.#session !== session || this.#life === null) return
    this.#session = null
    session.destroy()
    this.#tellState(false, messageOf(fault))
  }

  /** Replaces session by session until the end. */
  async #keep(first: ListenSession, signal: AbortSignal): Promise<void> {
    let session: ListenSession | null = first
    while (session !== null) {
      await this.#guard(session)
      session = await this.#reconnect(signal)
    }
  }

  /** Probes the session now and then; resolves when it is lost. */
  async #guard(session: ListenSession): Promise<void> {
    const { signal } = session
    while (!signal.aborted) {
      // A probe that could not be sent is sent again sooner; and jitter keeps a fleet from probing in one moment.
      const pauseMs = (this.#arriving ? this.#options.probeIntervalMs : this.#options.heartbeatMs) * jitter()
      await delay(pauseMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.#proves(session)
    }
  }

  /** null: the listener was stopped. */
  async #reconnect(signal: AbortSignal): Promise<ListenSession | null> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await delay(reconnectDelayMs(attempt, this.#options.reconnectDelayMaxMs), undefined, { signal })
        const session = await this.#connect(signal)
        // A loss that shows itself only by the probe is one more failed attempt.
        if (!(await this.#proves(session))) continue
        this.#reconnects += 1
        // Whatever was sent meanwhile is lost; everybody looks for himself.
        for (const { subscriptions } of this.#channels.values()) for (const { wake } of subscriptions) wake()
        return session
      } catch (error) {
        if (signal.aborted) return null
        this.#tellState(false, messageOf(error))
      }
    }
  }

  #tellState(arriving: boolean, message: string | null): void {
    if (arriving === this.#arriving && message === this.#message) return
    this.#arriving = arriving
    this.#message = message
    for (const changed of this.#watchers) changed()
  }
}

/** Doubles up to `maxMs`; jitter keeps the hosts of a fleet from all coming back in the same moment. */
export function reconnectDelayMs(attempt: number, maxMs: number): number {
  return Math.min(maxMs, reconnectDelayBaseMs * 2 ** attempt) * jitter()
}

function jitter(): number {
  return 0.5 + Math.random() / 2
}
