// Everything that a guest says beside the protocol: its two log pipes and its `log` messages under one rate, and its last lines.

import type { Readable } from 'node:stream'
import { LineRate } from './line-rate.ts'
import { LogLines } from './log-lines.ts'

export interface GuestOutputOptions {
  /** null: the process could not be started. */
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly linesPerSecondMax: number
  line(stream: 'stdout' | 'stderr', text: string): void
}

const lineBytesMax = 8192
const lastLinesMax = 5

export class GuestOutput {
  /** Resolves when both pipes are closed. */
  readonly ended: Promise<unknown>
  readonly #streams: readonly Readable[]
  readonly #lines: readonly LogLines[]
  readonly #messages: LineRate
  readonly #options: GuestOutputOptions
  readonly #lastLines: string[] = []

  constructor(options: GuestOutputOptions) {
    this.#options = options
    const { stdout, stderr, linesPerSecondMax } = options
    const pipes = [
      { stream: stdout, name: 'stdout' as const },
      { stream: stderr, name: 'stderr' as const },
    ].flatMap(({ stream, name }) => (stream === null ? [] : [{ stream, name }]))
    const now = () => performance.now()
    this.#messages = new LineRate({ linesPerSecondMax, now })
    this.#streams = pipes.map(({ stream }) => stream)
    this.#lines = pipes.map(({ stream, name }) => {
      const rate = new LineRate({ linesPerSecondMax, now })
      const lines = new LogLines({ lineBytesMax, rate, line: (text) => this.#take(name, text) })
      stream.on('data', (chunk: Uint8Array) => lines.push(chunk))
      return lines
    })
    this.ended = Promise.all(this.#streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
  }

  get lastLines(): readonly string[] {
    return this.#lastLines
  }

  /** A `log` message: guests keep to the rate by themselves, so whoever does not is cut here. */
  admit(text: string, pass: () => void): void {
    const dropped = this.#messages.report({ final: false })
    if (dropped !== null) this.#take('stderr', dropped)
    if (!this.#messages.admits()) return
    this.#remember(text)
    pass()
  }

  end(): void {
    for (const stream of this.#streams) stream.destroy()
    for (const lines of this.#lines) lines.end()
    const dropped = this.#messages.report({ final: true })
    if (dropped !== null) this.#take('stderr', dropped)
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this.#remember(text)
    this.#options.line(stream, text)
  }

  #remember(text: string): void {
    this.#lastLines.push(text)
    if (this.#lastLines.length > lastLinesMax) this.#lastLines.shift()
  }
}
