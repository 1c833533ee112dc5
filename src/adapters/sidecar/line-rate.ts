// How many log lines a second may pass: a flood costs the host neither memory nor its log.

export interface LineRateOptions {
  /** Further lines of the same second are counted and dropped. */
  readonly linesPerSecondMax: number
  /** Milliseconds of a clock that never goes back. */
  now(): number
}

const windowMs = 1000

export class LineRate {
  readonly #options: LineRateOptions
  #windowStart: number
  #lines = 0
  #dropped = 0

  constructor(options: LineRateOptions) {
    this.#options = options
    this.#windowStart = options.now()
  }

  /** False: this line is dropped. */
  admits(): boolean {
    this.#lines += 1
    if (this.#lines <= this.#options.linesPerSecondMax) return true
    this.#dropped += 1
    return false
  }

  /** A sentence about the lines that the last second lost; null when it lost none. Asked before each line and at the end. */
  report(options: { readonly final: boolean }): string | null {
    const now = this.#options.now()
    const over = now - this.#windowStart >= windowMs
    if (!over && !options.final) return null
    const dropped = this.#dropped
    this.#dropped = 0
    if (over) {
      this.#windowStart = now
      this.#lines = 0
    }
    return dropped === 0 ? null : `… ${dropped} lines dropped: more than ${this.#options.linesPerSecondMax} in a second`
  }
}
