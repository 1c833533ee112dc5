// The namespaces that a worker serves, and the notifications that tell of their steps; both may grow while it runs.

import { readyChannel, visibleChannel, type WakeUps } from '../model/wake-ups.ts'

export interface ServedNamespacesParts {
  /** null: `PollingOnly`. */
  readonly wakeUps: WakeUps | null
  /** Something may be in a queue. */
  wake(): void
  /** Notifications arrive now, or do not any more. */
  paceChanged(): void
  /** Writes them into the worker's row: others decide by it how to notify. */
  register(names: readonly string[]): Promise<void>
}

export class ServedNamespaces {
  readonly #parts: ServedNamespacesParts
  #names: readonly string[]
  #registered: readonly string[]
  #listening: (() => Promise<void>)[] | null = null
  #stopWatching: () => void = () => {}

  constructor(names: readonly string[], parts: ServedNamespacesParts) {
    this.#names = names
    this.#registered = names
    this.#parts = parts
  }

  /** Another array after each change. */
  get names(): readonly string[] {
    return this.#names
  }

  /** Rejects with a HostError. */
  async listen(): Promise<void> {
    this.#listening = []
    this.#stopWatching = this.#parts.wakeUps?.watch(() => this.#parts.paceChanged()) ?? this.#stopWatching
    await this.#listenTo(this.#names)
  }

  /** From now on also these. Rejects with a HostError; what was not listened to then is not served either. */
  async add(names: readonly string[]): Promise<void> {
    const added = [...new Set(names)].filter((name) => !this.#names.includes(name))
    if (added.length === 0) return
    await this.#listenTo(added)
    this.#names = [...this.#names, ...added]
  }

  /** Also to be called again after it rejected, when the database answers. */
  async register(): Promise<void> {
    const names = this.#names
    if (names === this.#registered) return
    await this.#parts.register(names)
    this.#registered = names
  }

  async stop(): Promise<void> {
    this.#stopWatching()
    const listening = this.#listening ?? []
    this.#listening = null
    await Promise.all(listening.map((stop) => stop()))
  }

  async #listenTo(names: readonly string[]): Promise<void> {
    const { wakeUps } = this.#parts
    if (wakeUps === null) return
    for (const name of names) {
      for (const channel of [readyChannel(name), visibleChannel(name)]) {
        const stop = await wakeUps.listen(channel, () => this.#parts.wake())
        // Stopped meanwhile, or never begun: then nobody would end it.
        if (this.#listening === null) await stop()
        else this.#listening.push(stop)
      }
    }
  }
}
