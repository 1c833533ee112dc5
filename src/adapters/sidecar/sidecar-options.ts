// What a language's sidecars are configured with: the language is data, not a subclass.

import type { LogRecord } from '../../model/runtime-adapter.ts'

/** null: never for this reason. */
export interface RecycleOptions {
  /** A process that has taken so many calls is replaced; up to a tenth less, so that not all of them go at once. */
  readonly callsMax: number | null
  /** Above it a process is replaced after its current calls. */
  readonly rssSoftMaxBytes: number | null
  /** Above it a process is killed. */
  readonly rssHardMaxBytes: number | null
  /** A process beyond the first that had no call for so long is ended; the next busy time starts another. */
  readonly idleMaxMs: number | null
}

export interface RestartOptions {
  readonly baseMs: number
  readonly maxMs: number
  /** A process that lived this long is healthy: the next death starts from the base again. */
  readonly stableMs: number
}

export const restartDefaults: RestartOptions = { baseMs: 100, maxMs: 10_000, stableMs: 10_000 }

export interface SidecarOptions {
  readonly runtime: 'ruby' | 'python' | 'typescript' | 'rust'
  /** Program and first arguments; the options of PROTOCOL.md §7 are appended. A function is asked for each process. */
  readonly command: readonly string[] | (() => readonly string[])
  readonly cwd: string
  /** Directories of handler files; one `--handlers` each. */
  readonly handlerRoots: readonly string[]
  /** Names of files and directories that are not loaded; one `--ignore` each. */
  readonly ignore: readonly string[]
  /** Variables that the guest gets beyond the allow-list (design D15). */
  readonly env: Readonly<Record<string, string>>
  readonly processes: number
  /** Calls that are given to one process at once. */
  readonly inFlightMax: number
  /** Of these, calls that run in threads at once; the others wait in the guest. */
  readonly threads: number
  readonly frameBytesMax: number
  readonly logLinesPerSecondMax: number
  /** From spawn to `hello`. */
  readonly startTimeoutMs: number
  /** From a cancel, or a shutdown, to SIGTERM. */
  readonly cancelGraceMs: number
  /** How long a guest may leave the watch unanswered. */
  readonly silenceMaxMs: number
  /** The built `native/pinger.c`; null: not built. */
  readonly watchLibrary: string | null
  readonly recycle: RecycleOptions
  readonly restart: RestartOptions
  /** Where the requests of steps that kill their process are kept; null: nowhere. */
  readonly evidenceDirectory: string | null
  /** What `stephost invoke` must be told to load the same handlers in the same way. */
  readonly replayOptions: readonly string[]
  /** Takes the lines that belong to no single call. */
  log(record: LogRecord): void
}
