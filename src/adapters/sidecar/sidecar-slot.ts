// One place of the pool: keeps a process serving there, starts it again when it dies, and exchanges it for a warm one.

import { HostError, messageOf } from '../../model/host-error.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { RestartOptions } from './sidecar-options.ts'
import type { SidecarProcess } from './sidecar-process.ts'

export interface SidecarSlotOptions {
  readonly restart: RestartOptions
  /** A process that has been spawned; whoever gets it sees to its end. */
  spawn(): SidecarProcess
  /** Another process serves here, or none does any more. */
  changed(): void
  /** Takes a process that gets no further calls and still has some to finish. */
  retire(process: SidecarProcess): void
  warn(sentence: string): void
}

export class SidecarSlot {
  readonly #options: SidecarSlotOptions
  readonly #backoff: RestartBackoff
  #serving: SidecarProcess | null = null
  /** More than one where a death meets a reload. */
  readonly #starting = new Set<SidecarProcess>()
  #restartTimer: NodeJS.Timeout | null = null
  #downBecause: string | null = 'it has not been started'
  /** Counts the versions of the handler files: a process that was started for an older one does not serve. */
  #version = 0
  #renewing = false
  #stopping = false

  constructor(options: SidecarSlotOptions) {
    this.#options = options
    this.#backoff = new RestartBackoff({ ...options.restart, random: Math.random })
  }

  get serving(): SidecarProcess | null {
    return this.#serving
  }

  get starting(): Iterable<SidecarProcess> {
    return this.#starting
  }

  /** Why no process serves here; null while one does. */
  get downBecause(): string | null {
    return this.#serving === null ? this.#downBecause : null
  }

  /** Ended for want of work, until there is some. */
  get isParked(): boolean {
    return this.#serving === null && this.#starting.size === 0 && this.#restartTimer === null && !this.#stopping
  }

  /** Deaths in a row without a stable life between them. */
  get deaths(): number {
    return this.#backoff.deaths
  }

  /** The first start, or the first after a stop; as `launch`. */
  open(): Promise<void> {
    this.#stopping = false
    return this.launch()
  }

  /** Resolves when a process serves; rejects with the HostError of its start. */
  async launch(): Promise<void> {
    this.#downBecause = 'it is starting'
    try {
      this.#serve(await this.#start())
    } catch (error) {
      this.#downBecause = messageOf(error)
      throw error
    }
  }

  /** Starts a process, and again after a wait if that fails. */
  wake(): void {
    this.#forgetRestart()
    this.launch().catch((error: unknown) => {
      if (this.#stopping) return
      this.#options.warn(`The runtime could not be started again: ${messageOf(error)}`)
      this.#restartAfter(0)
    })
  }

  /** A process of a newer version takes over; what runs in the old one ends there. */
  exchange(fresh: SidecarProcess): void {
    this.#version += 1
    this.#serve(fresh)
  }

  /** The files have changed: the old process gets no further calls, and a new one is started. */
  restart(): void {
    this.#version += 1
    this.#letGo()
    if (this.#starting.size === 0) this.wake()
  }

  /** Exchanges the process for a new one that is warm by then; when that does not start, the old one goes on. */
  async renew(): Promise<void> {
    if (this.#renewing || this.#stopping || this.#serving === null) return
    this.#renewing = true
    try {
      this.#serve(await this.#start())
    } catch (error) {
      if (this.#stopping) return
      this.#options.warn(`A process could not be replaced: ${messageOf(error)}`)
      // A reload that came meanwhile has let the old one go, and left it to this start to bring the next.
      if (this.#serving === null) this.#restartAfter(0)
    } finally {
      this.#renewing = false
    }
  }

  /** No process serves here until `wake`. */
  park(): void {
    this.#letGo()
    this.#downBecause = 'it has no work'
    this.#options.changed()
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#downBecause = 'it is stopping'
    this.#forgetRestart()
    await Promise.all([this.#serving, ...this.#starting].map((process) => process?.shutDown(graceMs)))
  }

  /** A process that said hello, of the version that counts now. */
  async #start(): Promise<SidecarProcess> {
    for (;;) {
      if (this.#stopping) throw new HostError('ADAPTER_STOPPED', 'The runtime is stopping.')
      const version = this.#version
      const fresh = this.#options.spawn()
      this.#starting.add(fresh)
      try {
        await fresh.ready()
      } finally {
        this.#starting.delete(fresh)
      }
      if (version === this.#version && !this.#stopping) return fresh
      this.#options.retire(fresh)
    }
  }

  /** Whoever served here before is let go: two starts may end side by side, after a death during a reload. */
  #serve(process: SidecarProcess): void {
    this.#forgetRestart()
    this.#letGo()
    this.#serving = process
    void process.exited.then(() => this.#ended(process))
    this.#options.changed()
  }

  #letGo(): void {
    const old = this.#serving
    this.#serving = null
    if (old !== null) this.#options.retire(old)
  }

  #forgetRestart(): void {
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer)
    this.#restartTimer = null
  }

  #ended(process: SidecarProcess): void {
    if (this.#serving !== process) return
    this.#serving = null
    this.#downBecause = process.channel.closedBy?.message ?? 'it ended'
    this.#options.changed()
    this.#restartAfter(process.livedMs)
  }

  #restartAfter(livedMs: number): void {
    if (this.#stopping || this.#restartTimer !== null) return
    const delayMs = this.#backoff.nextDelayMs(livedMs)
    this.#restartTimer = setTimeout(() => this.wake(), delayMs)
  }
}
