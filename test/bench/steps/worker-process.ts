// The worker under test: the real `stephost worker`, started as a user starts it.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../../src/config/package-root.ts'
import { LineProcess } from './line-process.ts'

export const languages = ['typescript', 'python', 'ruby', 'rust'] as const
export type Language = (typeof languages)[number]

export const concurrency = 24
const prefetch = 500
const startTimeoutMs = 120_000

/** What the bench sets; everything else stands in its default. */
export const workerSettings = {
  'worker.mpsc_channels.handler_dispatch.max_concurrent_handlers': concurrency,
  'dispatch.prefetch_max': prefetch,
  'runtimes.typescript.threads': 1,
  'runtimes.typescript.in_flight_max': concurrency,
  'worker.web.enabled': false,
  'orchestration.web.enabled': false,
} as const

/** What the worker of a run was set to; a file of the user's stands instead of all that the bench sets. */
export function settingsFacts(
  { config }: Pick<WorkerOptions, 'config'>,
  own: WorkerOptions['settings'] = {},
): Readonly<Record<string, unknown>> {
  return { settings: config === null ? { ...workerSettings, ...own } : { config } }
}

export function languageRoot(language: Language): string {
  return join(packageRoot(), 'test/bench/project', language)
}

export interface WorkerOptions {
  readonly url: string
  readonly languages: readonly Language[]
  /** For the configuration file. */
  readonly directory: string
  /** A configuration file of the user's; null: the bench's own settings. */
  readonly config: string | null
  /** Of this workload alone, above the bench's. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

export async function startWorker(options: WorkerOptions): Promise<LineProcess> {
  const roots = options.languages.flatMap((language) => ['--handlers', languageRoot(language)])
  const config = options.config ?? (await writeSettings(options.directory, { ...workerSettings, ...options.settings }))
  return startStephost(['worker', ...roots, '--config', config, '--json'], options.url)
}

export function startStephost(args: readonly string[], url: string): LineProcess {
  return new LineProcess({
    command: join(packageRoot(), 'bin/stephost'),
    args,
    env: { ...inherited(), DATABASE_URL: url, LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn', TASKER_ENV: 'production' },
  })
}

/** Resolves when every part has started; handlers are loaded then, and the worker claims. */
export async function workerReady(worker: LineProcess): Promise<void> {
  await worker.line('ready', startTimeoutMs)
}

export async function writeSettings(
  directory: string,
  settings: Readonly<Record<string, string | number | boolean>>,
): Promise<string> {
  await mkdir(directory, { recursive: true })
  const file = join(directory, 'settings.toml')
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
  await writeFile(file, lines.join(''))
  return file
}

/** What a shell of the user's would give; nothing that steers the worker. */
export function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'CARGO_TARGET_DIR', 'CARGO_HOME', 'RUSTUP_HOME']
  return Object.fromEntries(
    names.flatMap((name) => [[name, process.env[name] ?? '']]).filter(([, value]) => value !== ''),
  )
}
