// The configuration: base files, then the environment's, then --config, then variables; checked and given as one frozen object.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HostError } from '../model/host-error.ts'
import { suggestion } from '../model/nearest-name.ts'
import { packageRoot } from './package-root.ts'
import { type BackoffConfig, backoffConfig } from './settings/backoff.ts'
import { type BreakersConfig, breakersConfig } from './settings/breakers.ts'
import { figuresKeptMs, type TemplateCacheConfig, templateCacheConfig } from './settings/cache.ts'
import { type DatabaseConfig, databaseConfig } from './settings/database.ts'
import { type DispatchConfig, dispatchConfig } from './settings/dispatch.ts'
import { type LimitsConfig, limitsConfig } from './settings/limits.ts'
import { type OrchestrationConfig, orchestrationConfig } from './settings/orchestration.ts'
import { type QueuesConfig, queuesConfig } from './settings/queues.ts'
import { type RuntimesConfig, runtimesConfig } from './settings/runtimes.ts'
import { type WorkerConfig, workerConfig } from './settings/worker.ts'
import { readSettingsFile, type StatedValue } from './settings-file.ts'
import { checkedSettings } from './validation.ts'

export interface Config {
  /** `development`, `test` or `production`. */
  readonly environment: string
  /** The file above the shipped ones; null: none. */
  readonly file: string | null
  readonly database: DatabaseConfig
  readonly queues: QueuesConfig
  readonly backoff: BackoffConfig
  readonly breakers: BreakersConfig
  readonly worker: WorkerConfig
  readonly orchestration: OrchestrationConfig
  readonly runtimes: RuntimesConfig
  readonly dispatch: DispatchConfig
  readonly limits: LimitsConfig
  /** `TASKER_TEMPLATE_PATH`; null: only the handler roots hold templates. */
  readonly templatePath: string | null
  /** Whose `environments` change the steps of templates; null: nobody's. */
  readonly templateEnvironment: string | null
  /** The cache of Tasker's server; null: it has none. */
  readonly templateCache: TemplateCacheConfig | null
  /** Of /v1/analytics; null: they are worked out for each request. */
  readonly figuresKeptMs: number | null
  /** Every value by its key in the files, to compare two configurations. Some are secrets. */
  readonly settings: Readonly<Record<string, unknown>>
}

export interface ConfigOptions {
  /** Wins over TASKER_ENV. */
  readonly env?: string
  /** Wins over TASKER_CONFIG_PATH. */
  readonly file?: string
  readonly environment: NodeJS.ProcessEnv
}

const contexts = ['common.toml', 'worker.toml', 'orchestration.toml']

/**
 * Reads and checks everything. Throws CONFIG_INVALID that lists every problem with its file, key, value and what is allowed.
 * Order and variables: worker-api-and-config §3.1, §3.2.
 */
export function loadConfig(options: ConfigOptions): Config {
  const environment = withoutEmpty(options.environment)
  const name = options.env ?? environment['TASKER_ENV'] ?? 'development'
  const file = options.file ?? environment['TASKER_CONFIG_PATH'] ?? null
  const files = [...shippedFiles(name), ...(file === null ? [] : [file])]
  const stated = files.flatMap((path): StatedValue[] => readSettingsFile(path, environment))
  const { values, namespaces, permits } = checkedSettings(stated, environment)
  return freeze({
    environment: name,
    file,
    database: databaseConfig(values.common.database, values.database),
    queues: queuesConfig(values.common.queues, values.queues, {
      steps: values.common.database.url,
      queues: values.common.pgmq_database.url,
    }),
    backoff: backoffConfig(values.common.backoff),
    breakers: breakersConfig(values.common.circuit_breakers),
    worker: workerConfig(values.worker),
    orchestration: orchestrationConfig(values.orchestration, values.retention),
    runtimes: runtimesConfig(values.runtimes, namespaces),
    dispatch: dispatchConfig(values.dispatch),
    limits: limitsConfig(values.limits, permits),
    templatePath: values.templates.path === '' ? null : values.templates.path,
    templateEnvironment: values.templates.apply_environments ? name : null,
    templateCache: templateCacheConfig(values.common.cache),
    figuresKeptMs: figuresKeptMs(values.common.cache),
    settings: flat(
      { ...values, limits: { ...values.limits, ...permits }, runtimes: { ...values.runtimes, namespaces } },
      '',
    ),
  })
}

function shippedFiles(environment: string): string[] {
  const root = join(packageRoot(), 'config', 'tasker')
  const names = readdirSync(join(root, 'environments'))
  if (!names.includes(environment)) {
    const allowed = names.join(', ')
    throw new HostError(
      'CONFIG_INVALID',
      `The environment "${environment}" is unknown${suggestion(environment, names)}; there are ${allowed}`,
    )
  }
  const base = contexts.map((context) => join(root, 'base', context))
  const overrides = contexts.map((context) => join(root, 'environments', environment, context))
  return [...base, ...overrides.filter((path) => existsSync(path))]
}

/** An empty variable is as good as none, in shells and in Tasker's dotenv files. */
function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}

function flat(table: object, prefix: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
      const key = prefix + (/^[\w-]+$/.test(name) ? name : JSON.stringify(name))
      const isTable = typeof value === 'object' && value !== null && !Array.isArray(value)
      return isTable ? Object.entries(flat(value, `${key}.`)) : [[key, value]]
    }),
  )
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) freeze(member)
  }
  return Object.freeze(value)
}
