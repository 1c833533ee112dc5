// From stated values to checked ones: unknown keys, bad values, and the few rules between keys.
import convict from 'convict'
import { type RuntimeName, runtimeNames } from '../model/handler.ts'
import { HostError, messageOf } from '../model/host-error.ts'
import { suggestion } from '../model/nearest-name.ts'
import { isSettingKey, type SettingValues, schema, settingEntries } from './schema.ts'
import { authProblems } from './settings/auth.ts'
import { isPermitTableKey, type PermitTables, readPermitTables, weightProblems } from './settings/limits.ts'
import { isRuntimeName, namespaceRuntimesKey } from './settings/runtimes.ts'
import { sidecarProblems } from './settings/sidecars.ts'
import type { StatedValue } from './settings-file.ts'
import { unresolvedVariable } from './substitution.ts'
import { isUnusedTaskerKey, unusedTaskerKeys } from './tasker-keys.ts'

/** Workers look for dead ones with each heartbeat. */
const heartbeatMaxMs = 4000

export interface CheckedSettings {
  readonly values: SettingValues
  /** `runtimes.namespaces`. */
  readonly namespaces: Readonly<Record<string, RuntimeName>>
  readonly permits: PermitTables
}

/** Later values win. Throws CONFIG_INVALID with one line for every problem. */
export function checkedSettings(stated: readonly StatedValue[], environment: NodeJS.ProcessEnv): CheckedSettings {
  const problems = stated.flatMap(statementProblems)
  const used = new Map(stated.filter(({ key }) => isSettingKey(key)).map((statement) => [statement.key, statement]))
  const namespaces = readNamespaces(used, problems)
  const permits = readPermitTables(stated, problems)
  for (const key of used.keys()) if (isPermitTableKey(key)) used.delete(key)
  const config = convict(schema as convict.Schema<SettingValues>, { env: environment, args: [] })
  config.load(treeOf([...used.values()]))
  try {
    config.validate({ allowed: 'strict' })
  } catch (error) {
    problems.push(
      ...messageOf(error)
        .split('\n')
        .map((line) => valueProblem(line, used, environment)),
    )
  }
  const values = config.getProperties()
  if (problems.length === 0) problems.push(...relationProblems(values), ...permitProblems(values, permits))
  if (problems.length > 0) throw new HostError('CONFIG_INVALID', [...new Set(problems)].join('\n'))
  return { values, namespaces, permits }
}

function statementProblems({ key, value, file }: StatedValue): string[] {
  if (isSettingKey(key)) {
    const variable = unresolvedVariable(value)
    return variable === null
      ? []
      : [`${file}: ${key}: the variable ${variable} is not set; write \${${variable}:-VALUE} to give a default`]
  }
  if (isUnusedTaskerKey(key)) return []
  const known = [...settingEntries.map((entry) => entry.key), ...unusedTaskerKeys]
  const meant = suggestion(key, known) || ` (${neighbours(key, known)})`
  return [`${file}: ${key} = ${JSON.stringify(value)}: unknown key${meant}`]
}

/** What the nearest table that exists has: better than nothing when no name is near. */
function neighbours(key: string, known: readonly string[]): string {
  const parts = key.split('.')
  while (parts.pop() !== undefined) {
    const prefix = parts.length === 0 ? '' : `${parts.join('.')}.`
    const below = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length).split('.')[0])
    const names = [...new Set(below)].join(', ')
    if (names !== '') return parts.length === 0 ? `known tables: ${names}` : `known in ${parts.join('.')}: ${names}`
  }
  return 'no such table'
}

function readNamespaces(used: Map<string, StatedValue>, problems: string[]): Record<string, RuntimeName> {
  const statement = used.get(namespaceRuntimesKey)
  used.delete(namespaceRuntimesKey)
  const namespaces: Record<string, RuntimeName> = {}
  for (const [namespace, value] of Object.entries(Object(statement?.value ?? {}))) {
    if (isRuntimeName(value)) namespaces[namespace] = value
    else {
      const key = `${namespaceRuntimesKey}."${namespace}"`
      problems.push(`${statement?.file}: ${key} = ${JSON.stringify(value)}: must be one of ${runtimeNames.join(', ')}`)
    }
  }
  return namespaces
}

/** convict reports `KEY: RULE: value was VALUE`; the person also needs the file or variable. */
function valueProblem(line: string, used: ReadonlyMap<string, StatedValue>, environment: NodeJS.ProcessEnv): string {
  const [, key = '', rule = line] = /^([\w.]+): (.*?)(?:: value was .*)?$/.exec(line) ?? []
  const entry = settingEntries.find((candidate) => candidate.key === key)
  const variable = entry?.env ?? null
  const fromEnvironment = variable === null ? undefined : environment[variable]
  if (fromEnvironment !== undefined) {
    return `environment variable ${variable} (${key}) = ${shown(key, fromEnvironment)}: ${rule}`
  }
  const statement = used.get(key)
  if (statement === undefined) return `${key}: ${rule}; no file states it`
  return `${statement.file}: ${key} = ${shown(key, statement.value)}: ${rule}`
}

/** Addresses of databases and brokers carry passwords. */
const secretKey = /(database\.url|rabbitmq\.url|auth\.api_keys?|auth\.jwt_public_key)$/

function shown(key: string, value: unknown): string {
  return secretKey.test(key) ? '(not shown)' : JSON.stringify(value)
}

function relationProblems(values: SettingValues): string[] {
  const problems: string[] = []
  const { database, pgmq_database: queueDatabase } = values.common
  if (queueDatabase.url !== '' && database.url === '') {
    problems.push(
      'common.pgmq_database.url (PGMQ_DATABASE_URL): must be empty where common.database.url (DATABASE_URL) is; the embedded PostgreSQL has its queues in itself',
    )
  }
  const { deployment_mode: mode } = values.worker.event_systems.worker
  if (values.common.queues.backend === 'rabbitmq' && mode === 'PollingOnly') {
    problems.push(
      'worker.event_systems.worker.deployment_mode = "PollingOnly": RabbitMQ (common.queues.backend, TASKER_MESSAGING_BACKEND) only pushes messages; choose "EventDrivenOnly" or "Hybrid", which is the same there',
    )
  }
  if (database.pool.min_connections > database.pool.max_connections) {
    const { min_connections: min, max_connections: max } = database.pool
    problems.push(`common.database.pool.min_connections = ${min}: must not be above max_connections (${max})`)
  }
  const { heartbeat_ms: heartbeatMs, lease_ms: leaseMs } = values.dispatch
  if (heartbeatMs * 2 > leaseMs) {
    problems.push(`dispatch.heartbeat_ms = ${heartbeatMs}: must be at most half of dispatch.lease_ms (${leaseMs})`)
  } else if (heartbeatMs > heartbeatMaxMs) {
    const because = 'the steps of a dead worker are to be back in the queue within the lease and 5 s'
    problems.push(`dispatch.heartbeat_ms = ${heartbeatMs}: must be at most ${heartbeatMaxMs}; ${because}`)
  }
  const { critical_threshold: critical, overflow_threshold: overflow } =
    values.common.queues.pgmq.queue_depth_thresholds
  if (overflow < critical) {
    const key = 'common.queues.pgmq.queue_depth_thresholds'
    problems.push(`${key}.overflow_threshold = ${overflow}: must not be below critical_threshold (${critical})`)
  }
  const auth = [
    ...authProblems(values.orchestration.web.auth, 'orchestration.web.auth'),
    ...authProblems(values.worker.web.auth, 'worker.web.auth'),
  ]
  return [...problems, ...auth, ...sidecarProblems(values.runtimes, values.runtimes.sidecars)]
}

function permitProblems({ worker }: SettingValues, permits: PermitTables): string[] {
  return weightProblems(permits, worker.mpsc_channels.handler_dispatch.max_concurrent_handlers)
}

function treeOf(statements: readonly StatedValue[]): object {
  const root: Record<string, unknown> = {}
  for (const { key, value } of statements) {
    const path = key.split('.')
    const last = path.pop() ?? key
    let table = root
    for (const name of path) {
      table[name] ??= {}
      table = table[name] as Record<string, unknown>
    }
    table[last] = value
  }
  return root
}
