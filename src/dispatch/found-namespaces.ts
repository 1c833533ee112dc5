// Namespaces that others made and whose templates name callables of ours: looked for when a queue is created, and behind that now and then.

import { messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { NamedTaskSource } from '../model/step-store.ts'
import { queueCreatedChannel, type WakeUps } from '../model/wake-ups.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { HandlerDirectory } from './handler-directory.ts'
import { RunnableSteps } from './runnable-steps.ts'

export interface FoundNamespacesOptions {
  /** Until the look after one that something gave rise to; each further one takes twice as long, since templates follow their queues. */
  readonly soonMs: number
  /** The longest time between two looks. */
  readonly lookEveryMs: number
}

export interface FoundNamespacesParts {
  readonly source: NamedTaskSource & {
    /** Namespaces beside `served` that have templates, the newest first. */
    unserved(served: readonly string[]): Promise<readonly string[]>
  }
  readonly directory: HandlerDirectory
  served(): readonly string[]
  /** From now on also these. Rejects with a HostError; then it is called again. */
  serve(names: readonly string[]): Promise<void>
  /** null: nobody listens. */
  readonly wakeUps: WakeUps | null
  readonly events: Pick<DispatchEvents, 'info' | 'warning'>
}

export class FoundNamespaces implements Lifecycle {
  readonly #options: FoundNamespacesOptions
  readonly #parts: FoundNamespacesParts
  #isStopped = true
  #looking: Promise<void> | null = null
  #isDue = false
  #timer: NodeJS.Timeout | null = null
  #pauseMs = 0
  #trouble: string | null = null
  /** Those that `serve` rejected for. */
  #owed: readonly string[] = []
  #stopListening: () => Promise<void> = async () => {}

  constructor(options: FoundNamespacesOptions, parts: FoundNamespacesParts) {
    this.#options = options
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#isStopped = false
    this.#stopListening =
      (await this.#parts.wakeUps?.listen(queueCreatedChannel, () => this.look())) ?? this.#stopListening
    this.look()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#stopListening()
    await this.#looking
  }

  /** There are other queues or other handlers than before. */
  look(): void {
    this.#pauseMs = this.#options.soonMs
    this.#lookNow()
  }

  #lookNow(): void {
    if (this.#isStopped) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#isDue = this.#looking !== null
    this.#looking ??= this.#find().finally(() => {
      this.#looking = null
      if (this.#isDue) this.#lookNow()
      else this.#lookLater()
    })
  }

  #lookLater(): void {
    if (this.#isStopped) return
    const { lookEveryMs } = this.#options
    this.#timer = setTimeout(() => this.#lookNow(), this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, lookEveryMs)
  }

  async #find(): Promise<void> {
    const { source, served, serve, events } = this.#parts
    try {
      const unserved = await source.unserved(served())
      const runnable = unserved.length === 0 ? [] : await this.#runnableIn(unserved)
      const found = [...new Set([...this.#owed, ...runnable])]
      if (found.length > 0 && !this.#isStopped) {
        this.#owed = found
        await serve(found)
        this.#owed = []
        events.info(`served from now on, by templates that others registered: ${found.join(', ')}`, {})
      }
      this.#trouble = null
    } catch (error) {
      const trouble = messageOf(error)
      if (trouble !== this.#trouble) events.warning(`namespaces of others are not found right now: ${trouble}`, {})
      this.#trouble = trouble
    }
  }

  async #runnableIn(namespaces: readonly string[]): Promise<readonly string[]> {
    const { source, directory } = this.#parts
    // Files of theirs are not here.
    const runnable = new RunnableSteps(source, directory, { namespaces, rootsByTemplate: new Map(), refreshMs: 0 })
    await runnable.refresh()
    return [...new Set(runnable.list().map(({ use }) => use.namespace))]
  }
}
