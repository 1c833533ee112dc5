// The tree of all settings: Tasker's tables first, then our own.
import { retentionSettings } from './settings/background.ts'
import { backoffSettings } from './settings/backoff.ts'
import { breakerSettings } from './settings/breakers.ts'
import { cacheSettings } from './settings/cache.ts'
import { databaseSettings, queueDatabaseSettings, statementSettings } from './settings/database.ts'
import { dispatchSettings } from './settings/dispatch.ts'
import { isPermitTableKey, limitSettings } from './settings/limits.ts'
import { orchestrationSettings } from './settings/orchestration.ts'
import { queueSettings, taskerQueueSettings } from './settings/queues.ts'
import { namespaceRuntimesKey, runtimeSettings } from './settings/runtimes.ts'
import { boolean, setting, text, type Values } from './settings/setting.ts'
import { workerSettings } from './settings/worker.ts'

export const schema = {
  common: {
    database: databaseSettings,
    pgmq_database: queueDatabaseSettings,
    queues: taskerQueueSettings,
    backoff: backoffSettings,
    circuit_breakers: breakerSettings,
    cache: cacheSettings,
  },
  worker: workerSettings,
  orchestration: orchestrationSettings,
  runtimes: runtimeSettings,
  dispatch: dispatchSettings,
  database: statementSettings,
  queues: queueSettings,
  limits: limitSettings,
  retention: retentionSettings,
  templates: {
    path: setting(text, 'One more directory of templates; empty: none', { env: 'TASKER_TEMPLATE_PATH' }),
    apply_environments: setting(boolean, 'Whether `environments` of templates change their steps'),
  },
}

export type SettingValues = Values<typeof schema>

interface Entry {
  readonly key: string
  /** The variable that replaces the value of every file. */
  readonly env: string | null
}

export const settingEntries: readonly Entry[] = entriesOf(schema, '')

const settingKeys = new Set(settingEntries.map((entry) => entry.key))

/** True for the keys that hold a value, not for their tables. */
export function isSettingKey(key: string): boolean {
  return settingKeys.has(key) || key === namespaceRuntimesKey || isPermitTableKey(key)
}

function entriesOf(tree: object, prefix: string): Entry[] {
  return Object.entries(tree).flatMap(([name, node]: [string, object]) => {
    if ('format' in node) return [{ key: prefix + name, env: 'env' in node ? String(node.env) : null }]
    return entriesOf(node, `${prefix}${name}.`)
  })
}
