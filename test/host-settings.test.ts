// A configuration that is read again while the host runs: taken over, refused as a whole, or named as in need of a restart.
import { describe, expect, it } from 'vitest'
import { type Config, loadConfig } from '../src/config/config.ts'
import { HostSettings } from '../src/host-settings.ts'
import { HostError } from '../src/model/host-error.ts'

const shipped = loadConfig({ environment: {} })

function changed(handlersMax: number, more: Readonly<Record<string, unknown>> = {}): Config {
  const key = 'worker.mpsc_channels.handler_dispatch.max_concurrent_handlers'
  const settings = { ...shipped.settings, [key]: handlersMax, ...more }
  return { ...shipped, settings, worker: { ...shipped.worker, handlersMax } }
}

function setUp() {
  const lines: string[] = []
  const taken: Config[] = []
  const line = (level: string) => (_details: object, message: string) => void lines.push(`${level}: ${message}`)
  const log = { info: line('info'), warn: line('warn'), error: line('error'), handler: () => {} }
  return { lines, taken, settings: new HostSettings(shipped, log, (config) => taken.push(config)) }
}

describe('HostSettings', () => {
  it('takes over what is live and says what changed', () => {
    const { settings, lines, taken } = setUp()
    settings.reload(() => changed(20))
    expect(taken.map(({ worker }) => worker.handlersMax)).toEqual([20])
    expect(settings.config.worker.handlersMax).toBe(20)
    expect(lines).toEqual([
      'info: configuration changed: worker.mpsc_channels.handler_dispatch.max_concurrent_handlers 10 → 20',
    ])
  })

  it('keeps everything when the configuration is wrong', () => {
    const { settings, lines, taken } = setUp()
    settings.reload(() => {
      throw new HostError('CONFIG_INVALID', 'site.toml: nonsense')
    })
    expect([taken, settings.config]).toEqual([[], shipped])
    expect(lines).toEqual([
      'error: the configuration was not reloaded, the values from before stay: site.toml: nonsense',
    ])
  })

  it('names what needs a restart each time, without its value', () => {
    const { settings, lines, taken } = setUp()
    const next = changed(10, { 'common.database.url': 'postgres://me:secret@db/x', 'dispatch.lease_ms': 1 })
    settings.reload(() => next)
    settings.reload(() => next)
    const said = 'warn: needs a restart to take effect: common.database.url, dispatch.lease_ms'
    expect([lines, taken]).toEqual([[said, said], []])
  })

  it('says when nothing changed', () => {
    const { settings, lines } = setUp()
    settings.reload(() => shipped)
    expect(lines).toEqual(['info: the configuration was read again; nothing changed'])
  })
})
