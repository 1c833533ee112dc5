// Limits of permits in the configuration: how they merge, what is refused and with which cure, and what of a change is live.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { configChanges, takeOver } from '../../src/config/config-changes.ts'
import { HostError } from '../../src/model/host-error.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stephost-limits-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function load(text: string) {
  const file = join(directory, 'site.toml')
  writeFileSync(file, text)
  return loadConfig({ file, environment: {} })
}

function refusal(text: string): string {
  try {
    load(text)
  } catch (error) {
    if (error instanceof HostError && error.code === 'CONFIG_INVALID') return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

const dispatch = 'worker.mpsc_channels.handler_dispatch'

describe('limits of permits', () => {
  it('are none by default', () => {
    const { languages, namespaces, handlers, weights } = loadConfig({ environment: {} }).limits
    expect({ languages, namespaces, handlers, weights }).toEqual({
      languages: {},
      namespaces: {},
      handlers: {},
      weights: {},
    })
  })

  it('are read by name', () => {
    const { limits } = load(`
      limits.languages.python = 4
      limits.namespaces."shop" = 10
      limits.handlers."payments.charge" = 2
      [limits.weights]
      "reports.render" = 4`)
    expect(limits).toMatchObject({
      languages: { python: 4 },
      namespaces: { shop: 10 },
      handlers: { 'payments.charge': 2 },
      weights: { 'reports.render': 4 },
    })
  })

  it('are refused with file, key and cure', () => {
    const message = refusal(`
      limits.languages.pyhton = 4
      limits.handlers.payments.charge = 2
      limits.handlers.ship = 0
      limits.namespaces.shop = "ten"
      limits.weights = 3`)
    expect(message).toContain('limits.languages."pyhton" = 4: unknown language (did you mean "python"?)')
    expect(message).toContain('a name with a dot needs quotes: "payments.charge" = NUMBER')
    expect(message).toContain('limits.handlers."ship" = 0: must be an integer from 1 to 10000')
    expect(message).toContain('limits.namespaces."shop" = "ten": must be an integer')
    expect(message).toContain('limits.weights = 3: must be a table of names and numbers')
    expect(message).toContain(join(directory, 'site.toml'))
  })

  it('are refused where a step would weigh more than there are permits', () => {
    expect(refusal('limits.weights."reports.render" = 11')).toBe(
      `limits.weights."reports.render" = 11: its steps would never run with 10 permits; lower the weight or raise ${dispatch}.max_concurrent_handlers to at least 11`,
    )
    expect(load(`limits.weights.render = 11\n[${dispatch}]\nmax_concurrent_handlers = 11`).limits.weights).toEqual({
      render: 11,
    })
  })

  it('come with thresholds of load shedding', () => {
    expect(loadConfig({ environment: {} }).worker.loadShedding).toEqual({
      enabled: true,
      capacityThresholdPercent: 80,
      warningThresholdPercent: 70,
    })
    expect(refusal(`[${dispatch}.load_shedding]\ncapacity_threshold_percent = 101`)).toContain(
      `${dispatch}.load_shedding.capacity_threshold_percent = 101: must be a number from 0 to 100`,
    )
  })
})

describe('a changed configuration', () => {
  it('is live in its limits, and names the rest', () => {
    const before = load('limits.handlers."payments.charge" = 2\nlimits.weights.render = 2')
    const after = load(`
      limits.handlers."payments.charge" = 5
      dispatch.lease_ms = 20000
      runtimes.namespaces.shop = "ruby"
      [${dispatch}]
      max_concurrent_handlers = 20
      load_shedding.enabled = false`)
    const { live, restart } = configChanges(before, after)
    expect(live).toEqual([
      { key: `${dispatch}.max_concurrent_handlers`, before: 10, after: 20 },
      { key: `${dispatch}.load_shedding.enabled`, before: true, after: false },
      { key: 'limits.handlers."payments.charge"', before: 2, after: 5 },
      { key: 'limits.weights.render', before: 2, after: undefined },
    ])
    expect(restart.map(({ key }) => key).toSorted()).toEqual(['dispatch.lease_ms', 'runtimes.namespaces.shop'])
  })

  it('is taken over as far as it is live, and the rest still differs', () => {
    const running = load('dispatch.lease_ms = 20000\nlimits.handlers.ship = 1')
    const next = load('dispatch.lease_ms = 30000\ndispatch.prefetch_max = 3\nlimits.languages.ruby = 1')
    const taken = takeOver(running, next)
    expect(taken.dispatch).toMatchObject({ leaseMs: 20_000, prefetchMax: 3 })
    expect(taken.limits).toMatchObject({ languages: { ruby: 1 }, handlers: {} })
    expect(configChanges(taken, next)).toEqual({
      live: [],
      restart: [{ key: 'dispatch.lease_ms', before: 20_000, after: 30_000 }],
    })
  })
})
