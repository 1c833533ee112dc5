// What is kept of the lines that a step wrote, for people who look at the step afterwards.

import type { JsonText } from './json-text.ts'
import type { LogLevel, LogRecord } from './runtime-adapter.ts'

export interface KeptLine {
  /** When the host read it: RFC 3339 in UTC with milliseconds. */
  readonly time: string
  readonly stream: LogRecord['stream']
  readonly level: LogLevel
  readonly line: string
  /** One JSON object; null: nothing beside the text. */
  readonly fields: JsonText | null
}

export interface StepLog {
  /** Oldest first. */
  readonly lines: readonly KeptLine[]
  /** Older lines that were given up for these. */
  readonly dropped: number
}
