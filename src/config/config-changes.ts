// Two configurations compared: what a running host takes over from the newer one, and what only a restart does.
import type { Config } from './config.ts'
import { permitTables } from './settings/limits.ts'

/** By its key in the files; undefined: it is not set. */
export interface ChangedSetting {
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

export interface ConfigChanges {
  readonly live: readonly ChangedSetting[]
  readonly restart: readonly ChangedSetting[]
}

const handlerDispatch = 'worker.mpsc_channels.handler_dispatch'
/** Keys, and tables with all below them. */
const liveKeys = [
  ...permitTables.map((table) => `limits.${table}`),
  `${handlerDispatch}.max_concurrent_handlers`,
  `${handlerDispatch}.handler_timeout_ms`,
  `${handlerDispatch}.load_shedding`,
  'dispatch.prefetch_max',
]

export function configChanges(before: Config, after: Config): ConfigChanges {
  const keys = [...new Set([...Object.keys(before.settings), ...Object.keys(after.settings)])]
  const changed = keys
    .map((key) => ({ key, before: before.settings[key], after: after.settings[key] }))
    .filter((each) => JSON.stringify(each.before) !== JSON.stringify(each.after))
  return { live: changed.filter(({ key }) => isLive(key)), restart: changed.filter(({ key }) => !isLive(key)) }
}

/** `running` with all that can change while it runs from `next`. */
export function takeOver(running: Config, next: Config): Config {
  const { languages, namespaces, handlers, weights } = next.limits
  const { handlersMax, handlerTimeoutMs, loadShedding } = next.worker
  const kept = Object.entries(running.settings).filter(([key]) => !isLive(key))
  const taken = Object.entries(next.settings).filter(([key]) => isLive(key))
  return {
    ...running,
    settings: Object.fromEntries([...kept, ...taken]),
    limits: { ...running.limits, languages, namespaces, handlers, weights },
    worker: { ...running.worker, handlersMax, handlerTimeoutMs, loadShedding },
    dispatch: { ...running.dispatch, prefetchMax: next.dispatch.prefetchMax },
  }
}

function isLive(key: string): boolean {
  return liveKeys.some((live) => key === live || key.startsWith(`${live}.`))
}
