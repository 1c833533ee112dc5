// Bytes of a guest's descriptor 2 → lines, bounded in length and in rate: a flood costs the host neither memory nor its log.

export interface LogLinesOptions {
  /** A longer line is cut there and marked. */
  readonly lineBytesMax: number
  /** Further lines of the same second are counted and dropped. */
  readonly linesPerSecondMax: number
  /** Milliseconds of a clock that never goes back. */
  now(): number
  line(text: string): void
}

const newline = 0x0a
const windowMs = 1000

export class LogLines {
  readonly #options: LogLinesOptions
  /** The line being collected; never longer than `lineBytesMax`. */
  readonly #line: Uint8Array
  #filled = 0
  #cut = false
  #windowStart: number
  #linesInWindow = 0
  #dropped = 0

  constructor(options: LogLinesOptions) {
    this.#options = options
    this.#line = new Uint8Array(options.lineBytesMax)
    this.#windowStart = options.now()
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
    this.#reportDropped()
  }

  #collect(piece: Uint8Array): void {
    const room = this.#line.length - this.#filled
    if (piece.length > room) this.#cut = true
    this.#line.set(piece.subarray(0, room), this.#filled)
    this.#filled += Math.min(piece.length, room)
  }

  #finishLine(): void {
    const text = Buffer.from(this.#line.subarray(0, this.#filled)).toString('utf8')
    const marked = this.#cut ? `${text}… (cut at ${this.#line.length} bytes)` : text
    this.#filled = 0
    this.#cut = false
    this.#emit(marked.endsWith('\r') ? marked.slice(0, -1) : marked)
  }

  #emit(text: string): void {
    const now = this.#options.now()
    if (now - this.#windowStart >= windowMs) {
      this.#reportDropped()
      this.#windowStart = now
      this.#linesInWindow = 0
    }
    if (this.#linesInWindow >= this.#options.linesPerSecondMax) {
      this.#dropped += 1
      return
    }
    this.#linesInWindow += 1
    this.#options.line(text)
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return
    const { linesPerSecondMax } = this.#options
    this.#options.line(`… ${this.#dropped} lines dropped: more than ${linesPerSecondMax} in a second`)
    this.#dropped = 0
  }
}
