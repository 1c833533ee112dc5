// What a sidecar is configured with: the language is data, not a subclass.

import type { LogRecord } from '../../model/runtime-adapter.ts'

export interface SidecarOptions {
  readonly runtime: 'ruby' | 'python'
  /** Program and first arguments; `--handlers`, `--max-in-flight` and `--frame-bytes-max` are appended. */
  readonly command: readonly string[]
  readonly cwd: string
  /** Directories of handler files; one `--handlers` each. */
  readonly handlerRoots: readonly string[]
  /** Variables that the guest gets beyond the allow-list (design D15). */
  readonly env: Readonly<Record<string, string>>
  /** Calls that are given to the guest at once. */
  readonly inFlightMax: number
  readonly frameBytesMax: number
  /** From spawn to `hello`. */
  readonly startTimeoutMs: number
  /** From a cancel, or a shutdown, to SIGTERM. */
  readonly cancelGraceMs: number
  /** Takes the lines that belong to no single call. */
  log(record: LogRecord): void
}
