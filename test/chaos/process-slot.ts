// A place for one host process, with its own door to PostgreSQL: whoever ends in it is followed by another, as a supervisor does it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseDoor } from './database-door.ts'
import { HostProcess, type HostProcessOptions } from './host-process.ts'

export interface ProcessSlotOptions extends Omit<HostProcessOptions, 'databaseUrl' | 'logFile'> {
  readonly name: string
  readonly directory: string
  readonly door: DatabaseDoor
}

const drainMs = 30_000
/** Of a log, in a report. */
const lastLines = 8

export class ProcessSlot {
  readonly name: string
  readonly door: DatabaseDoor
  readonly #options: ProcessSlotOptions
  readonly #problems: string[] = []
  #process: HostProcess
  #endExpected = false
  #stopping = false
  #starts = 0

  constructor(options: ProcessSlotOptions) {
    this.name = options.name
    this.door = options.door
    this.#options = options
    this.#process = this.#begin()
  }

  /** Ends that nobody asked for. */
  get problems(): readonly string[] {
    return this.#problems
  }

  get starts(): number {
    return this.#starts
  }

  get process(): HostProcess {
    return this.#process
  }

  /** Resolves with a process that is ready and with its REST address; one that ends before is replaced and waited for. */
  async ready(): Promise<{ process: HostProcess; address: string }> {
    for (;;) {
      const process = this.#process
      const address = await process.ready
      if (address !== null && process === this.#process && !process.hasEnded) return { process, address }
      await process.ended
      if (this.#stopping) throw new Error(`${this.name} stops`)
    }
  }

  /** Resolves when it is dead. */
  async kill(): Promise<void> {
    const process = this.#process
    this.#endExpected = true
    process.signal('SIGKILL')
    await process.ended
  }

  /** SIGTERM: resolves when it has ended, which must be with 0. */
  async drain(): Promise<void> {
    const process = this.#process
    const wasReady = process.isReady
    this.#endExpected = true
    process.signal('SIGTERM')
    const impatience = setTimeout(() => {
      this.#problems.push(`${this.name} did not end within ${drainMs} ms of SIGTERM`)
      process.signalAll('SIGKILL')
    }, drainMs)
    const how = await process.ended
    clearTimeout(impatience)
    if (!wasReady || how === 'exit code 0' || how === 'SIGKILL') return
    this.#problems.push(`${this.name} drained with ${how}; it said last:\n${await this.#lastWords()}`)
  }

  /** Nobody follows any more. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.drain()
  }

  get #logFile(): string {
    return join(this.#options.directory, `${this.name}.log`)
  }

  async #lastWords(): Promise<string> {
    const log = await readFile(this.#logFile, 'utf8')
    return log.trimEnd().split('\n').slice(-lastLines).join('\n')
  }

  #begin(): HostProcess {
    const { directory: _, door, ...options } = this.#options
    this.#starts += 1
    this.#endExpected = false
    const process = new HostProcess({ ...options, databaseUrl: door.url, logFile: this.#logFile })
    void process.ended.then((how) => this.#ended(process, how))
    return process
  }

  /** One that has not been ready yet may find no PostgreSQL and give up; one that was must outlive whatever happens. */
  #ended(process: HostProcess, how: string): void {
    if (process.isReady && !this.#endExpected) this.#problems.push(`${this.name} ended by itself: ${how}`)
    if (!this.#stopping) this.#process = this.#begin()
  }
}
