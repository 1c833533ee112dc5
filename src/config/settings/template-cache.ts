// `common.cache`: the cache of Tasker's server, of which we only have to know that templates may lie in it.
import { boolean, integerBetween, setting, textNotEmpty, type Values } from './setting.ts'

export const cacheSettings = {
  enabled: setting(boolean, "Whether Tasker's server caches templates"),
  backend: setting(textNotEmpty, 'redis, memcached, or moka, which is memory of the server itself'),
  template_ttl_seconds: setting(integerBetween(1, 86_400), 'How long a template stays in that cache'),
}

export interface TemplateCacheConfig {
  readonly backend: string
  readonly ttlS: number
}

/** null: there is no such cache. */
export function templateCacheConfig(values: Values<typeof cacheSettings>): TemplateCacheConfig | null {
  return values.enabled ? { backend: values.backend, ttlS: values.template_ttl_seconds } : null
}
