// Bytes of a guest's descriptor 1 or 2 → lines, bounded in length and in rate.

import type { LineRate } from './line-rate.ts'

export interface LogLinesOptions {
  /** A longer line is cut there and marked. */
  readonly lineBytesMax: number
  readonly rate: LineRate
  line(text: string): void
}

const newline = 0x0a

export class LogLines {
  readonly #options: LogLinesOptions
  /** The line being collected; never longer than `lineBytesMax`. Most guests print nothing, and get no memory for it. */
  #line = new Uint8Array()
  #filled = 0
  #cut = false

  constructor(options: LogLinesOptions) {
    this.#options = options
  }

  push(chunk: Uint8Array): void {
    let start = 0
    while (start < chunk.length) {
      const end = chunk.indexOf(newline, start)
      this.#collect(chunk.subarray(start, end === -1 ? chunk.length : end))
      if (end === -1) return
      this.#finishLine()
      start = end + 1
    }
  }

  /** Gives out what is left: a last line without an end, and how much was dropped. */
  end(): void {
    if (this.#filled > 0) this.#finishLine()
    this.#report(true)
  }

  #collect(piece: Uint8Array): void {
    if (this.#line.length === 0) this.#line = new Uint8Array(this.#options.lineBytesMax)
    const room = this.#line.length - this.#filled
    if (piece.length > room) this.#cut = true
    this.#line.set(piece.subarray(0, room), this.#filled)
    this.#filled += Math.min(piece.length, room)
  }

  #finishLine(): void {
    this.#report(false)
    if (this.#options.rate.admits()) this.#options.line(this.#text())
    this.#filled = 0
    this.#cut = false
  }

  #text(): string {
    const text = Buffer.from(this.#line.subarray(0, this.#filled)).toString('utf8')
    const marked = this.#cut ? `${text}… (cut at ${this.#line.length} bytes)` : text
    return marked.endsWith('\r') ? marked.slice(0, -1) : marked
  }

  #report(final: boolean): void {
    const sentence = this.#options.rate.report({ final })
    if (sentence !== null) this.#options.line(sentence)
  }
}
