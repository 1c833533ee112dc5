// The configuration of a running host: read again on demand, taken over where that can be, and refused as a whole where it is wrong.

import type { Config } from './config/config.ts'
import { type ChangedSetting, configChanges, takeOver } from './config/config-changes.ts'
import type { HostLog } from './host-health.ts'
import { messageOf } from './model/host-error.ts'

export class HostSettings {
  readonly #log: HostLog
  readonly #changed: (config: Config) => void
  #config: Config

  /** `changed` is given each configuration that is in force from then on. */
  constructor(config: Config, log: HostLog, changed: (config: Config) => void) {
    this.#config = config
    this.#log = log
    this.#changed = changed
  }

  /** What is in force. */
  get config(): Config {
    return this.#config
  }

  /** `read` may throw CONFIG_INVALID: then all stays as it is. Values are logged only of what can change, which holds no secrets. */
  reload(read: () => Config): void {
    let next: Config
    try {
      next = read()
    } catch (error) {
      this.#log.error({}, `the configuration was not reloaded, the values from before stay: ${messageOf(error)}`)
      return
    }
    const { live, restart } = configChanges(this.#config, next)
    if (live.length > 0) {
      this.#config = takeOver(this.#config, next)
      this.#changed(this.#config)
      this.#log.info({ keys: live.map(({ key }) => key) }, `configuration changed: ${live.map(shown).join('; ')}`)
    }
    if (restart.length > 0) {
      const keys = restart.map(({ key }) => key)
      this.#log.warn({ keys }, `needs a restart to take effect: ${keys.join(', ')}`)
    }
    if (live.length + restart.length === 0) this.#log.info({}, 'the configuration was read again; nothing changed')
  }
}

function shown({ key, before, after }: ChangedSetting): string {
  const text = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value))
  return `${key} ${text(before)} → ${text(after)}`
}
