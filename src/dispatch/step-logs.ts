// The last lines that each step of this worker wrote, bounded in every direction: the oldest go first, and what went is counted.

import type { StepId } from '../model/ids.ts'
import type { LogRecord } from '../model/runtime-adapter.ts'
import type { KeptLine, StepLog } from '../model/step-log.ts'

export interface StepLogsOptions {
  readonly stepLinesMax: number
  /** Bytes of the lines and their fields, in UTF-8. */
  readonly stepBytesMax: number
  /** Steps with kept lines; the one that was silent for longest goes first. */
  readonly stepsMax: number
}

export const stepLogsDefaults: StepLogsOptions = { stepLinesMax: 500, stepBytesMax: 65_536, stepsMax: 1_000 }

interface Entry {
  readonly lines: KeptLine[]
  bytes: number
  dropped: number
}

export class StepLogs {
  readonly #options: StepLogsOptions
  readonly #now: () => Date
  /** In the order of their last sign of life. */
  readonly #entries = new Map<StepId, Entry>()

  constructor(options: StepLogsOptions = stepLogsDefaults, now: () => Date = () => new Date()) {
    this.#options = options
    this.#now = now
  }

  /** A step that ran here has a log, even when it wrote nothing. Another attempt goes on in the same one. */
  open(step: StepId): void {
    this.#entry(step)
  }

  /** Records that name no step belong to nobody's log. */
  add({ step, stream, level, line, fields }: LogRecord): void {
    if (step === null) return
    const entry = this.#entry(step)
    const kept = { time: this.#now().toISOString(), stream, level, line, fields }
    entry.lines.push(kept)
    entry.bytes += bytesOf(kept)
    while (entry.lines.length > this.#options.stepLinesMax || entry.bytes > this.#options.stepBytesMax) {
      const oldest = entry.lines.shift()
      if (oldest === undefined) return
      entry.bytes -= bytesOf(oldest)
      entry.dropped += 1
    }
  }

  /** null: the step did not run here, or so many others wrote since that its lines are gone. */
  of(step: StepId): StepLog | null {
    const entry = this.#entries.get(step)
    return entry === undefined ? null : { lines: [...entry.lines], dropped: entry.dropped }
  }

  #entry(step: StepId): Entry {
    const known = this.#entries.get(step)
    if (known !== undefined) this.#entries.delete(step)
    const entry = known ?? { lines: [], bytes: 0, dropped: 0 }
    this.#entries.set(step, entry)
    if (this.#entries.size > this.#options.stepsMax) this.#forgetSilent()
    return entry
  }

  /** A tenth at once: to find the first of a Map, V8 passes all that were deleted before it. */
  #forgetSilent(): void {
    const { stepsMax } = this.#options
    const kept = stepsMax - Math.floor(stepsMax / 10)
    for (const step of this.#entries.keys()) {
      if (this.#entries.size <= kept) return
      this.#entries.delete(step)
    }
  }
}

function bytesOf({ line, fields }: KeptLine): number {
  return Buffer.byteLength(line) + (fields === null ? 0 : Buffer.byteLength(fields))
}
