// Tells a busy guest from a dead one: tokens that a thread without the interpreter lock sends back, else pings and CPU time.

import type { Duplex } from 'node:stream'
import { cpuTicks } from './process-status.ts'

export interface GuestWatchOptions {
  /** The guest's watch descriptor. */
  readonly socket: Duplex
  readonly pid: number
  /** How many looks a question may stay open. Looks, not milliseconds: after a pause of the host itself nobody is judged. */
  readonly looksMax: number
  /** For guests without a watch thread: a ping over the wire, resolved by the answer; it rejects when the wire is closed. */
  ping(): Promise<void>
  /** Called once: the guest is silent. */
  silent(): void
}

const tokenBytes = 8

export class GuestWatch {
  readonly #options: GuestWatchOptions
  #threaded = false
  /** Looks since the question that has no answer yet; null: nothing is asked. */
  #looks: number | null = null
  #bytesAnswered = 0
  #ticksAtQuestion: number | null = null
  #over = false

  constructor(options: GuestWatchOptions) {
    this.#options = options
    options.socket.on('data', (chunk: Uint8Array) => this.#take(chunk.length))
    // A closed watch says nothing more than the exit that follows, or the silence that is noticed.
    options.socket.on('error', () => {})
  }

  /** From hello on. `threaded`: the guest's own thread answers, whatever its interpreter does. */
  begin(options: { readonly threaded: boolean }): void {
    this.#threaded = options.threaded
  }

  /** Asks, or judges the question that is open. Called about once a second. */
  look(): void {
    if (this.#over) return
    if (this.#looks === null) {
      this.#ask()
      return
    }
    this.#looks += 1
    if (this.#looks > this.#options.looksMax) this.#judge()
  }

  end(): void {
    this.#over = true
    this.#options.socket.destroy()
  }

  #ask(): void {
    const { socket, ping, pid } = this.#options
    this.#looks = 0
    this.#ticksAtQuestion = this.#threaded ? null : cpuTicks(pid)
    if (this.#threaded) {
      if (socket.writable) socket.write(new Uint8Array(tokenBytes))
      return
    }
    ping().then(
      () => {
        this.#looks = null
      },
      // The wire is closed: the end of the process says why.
      () => {},
    )
  }

  #take(bytes: number): void {
    this.#bytesAnswered += bytes
    if (this.#bytesAnswered < tokenBytes) return
    this.#bytesAnswered -= tokenBytes
    this.#looks = null
  }

  #judge(): void {
    const ticks = this.#threaded ? null : cpuTicks(this.#options.pid)
    if (ticks !== null && this.#ticksAtQuestion !== null && ticks > this.#ticksAtQuestion) {
      // It computes: busy until the deadlines of its calls, not dead.
      this.#ticksAtQuestion = ticks
      this.#looks = 0
      return
    }
    this.#over = true
    this.#options.silent()
  }
}
