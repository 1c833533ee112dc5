// Lines → `log` messages: none longer than the wire allows, and never more in a second.

import type { LogMessage } from './messages.ts'

export type LogLine = Omit<LogMessage, 'type'>

export interface LogSinkOptions {
  post(message: LogMessage): void
  readonly linesPerSecondMax: number
  /** Milliseconds of a clock that never goes back. */
  now(): number
}

/** PROTOCOL.md §6. */
export const linesPerSecondMaxDefault = 1000
const lineBytesMax = 8192
/** Room for the words that say that a line was cut. */
const markBytesMax = 32
const windowMs = 1000

export class LogSink {
  readonly #options: LogSinkOptions
  /** When each of the last lines was sent: the age of the oldest says whether there is room, in every second. */
  readonly #sentAt: Float64Array
  #next = 0
  #dropped = 0
  #timer: NodeJS.Timeout | null = null

  constructor(options: LogSinkOptions) {
    this.#options = options
    this.#sentAt = new Float64Array(options.linesPerSecondMax).fill(Number.NEGATIVE_INFINITY)
  }

  write(line: LogLine): void {
    this.#tellDropped()
    if (this.#dropped === 0 && this.#send({ ...line, message: clip(line.message) })) return
    this.#dropped += 1
    // A handler that falls silent after its flood should still learn of it. The thread does not wait for this.
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#tellDropped()
    }, windowMs).unref()
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    const message = `… ${this.#dropped} lines dropped: more than ${this.#sentAt.length} in a second`
    if (this.#send({ step_uuid: null, stream: 'log', level: 'warn', message, fields: null })) this.#dropped = 0
  }

  /** False: there is no room in this second. */
  #send(line: LogLine): boolean {
    const now = this.#options.now()
    if (now - (this.#sentAt[this.#next] ?? now) < windowMs) return false
    this.#sentAt[this.#next] = now
    this.#next = (this.#next + 1) % this.#sentAt.length
    this.#options.post({ type: 'log', ...line })
    return true
  }
}

/** Valid UTF-8 of at most `lineBytesMax` bytes; what was cut is said at the end. */
function clip(text: string): string {
  const line = text.toWellFormed()
  // No character of a string takes more than three bytes.
  if (line.length * 3 <= lineBytesMax) return line
  const bytes = Buffer.from(line)
  if (bytes.length <= lineBytesMax) return line
  let end = lineBytesMax - markBytesMax
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${bytes.subarray(0, end).toString()}… (cut at ${end} bytes)`
}
