// `common.cache`: the cache of Tasker's server, in which templates may lie, and how long the embedded orchestrator keeps its figures.
import { boolean, integerBetween, setting, textNotEmpty, type Values } from './setting.ts'

export const cacheSettings = {
  enabled: setting(boolean, "Whether Tasker's server caches templates, and ours figures"),
  backend: setting(textNotEmpty, 'redis, memcached, or moka, which is memory of the server itself'),
  template_ttl_seconds: setting(integerBetween(1, 86_400), 'How long a template stays in that cache'),
  analytics_ttl_seconds: setting(integerBetween(1, 3600), 'How long figures of /v1/analytics are kept in memory'),
}

export interface TemplateCacheConfig {
  readonly backend: string
  readonly ttlS: number
}

/** null: there is no such cache. */
export function templateCacheConfig(values: Values<typeof cacheSettings>): TemplateCacheConfig | null {
  return values.enabled ? { backend: values.backend, ttlS: values.template_ttl_seconds } : null
}

/** null: figures are worked out for each request. */
export function figuresKeptMs(values: Values<typeof cacheSettings>): number | null {
  return values.enabled ? values.analytics_ttl_seconds * 1000 : null
}
