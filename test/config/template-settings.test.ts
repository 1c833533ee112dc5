// What a template says beyond its steps: environments that change them, the lifecycle of its tasks, how its input_schema is meant.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { loadTemplates } from '../../src/config/templates/load-templates.ts'
import { readTemplate } from '../../src/config/templates/template-reader.ts'

const head = `name: t
namespace_name: n
version: 0.1.0
steps:
  - {name: a, timeout_seconds: 30, retry: {max_attempts: 5, backoff: linear}, handler: {callable: c, initialization: {url: here, rate: 1.0}}}
  - {name: b, handler: {callable: c}}
`
const environments = `environments:
  production:
    steps:
      - {name: a, timeout_seconds: 90, retry: {max_attempts: 9}, handler: {initialization: {url: there, big: 12345678901234567890}}}
      - {name: ALL, timeout_seconds: 60, retry: {backoff_base_ms: 250}}
  test:
    steps: [{name: ALL, retry: {retryable: false}}]
`
const problems = (text: string) => readTemplate('t.yaml', text).problems.map(({ message }) => message)
const stored = (text: string) => JSON.parse(readTemplate('t.yaml', text).template?.configuration ?? '{}')

describe('environments', () => {
  it('are kept, and change nothing unless they are applied', () => {
    const { template, problems } = readTemplate('t.yaml', head + environments)
    expect(problems).toEqual([])
    expect(template?.steps.map(({ timeoutMs }) => timeoutMs)).toEqual([30_000, null])
    expect(Object.keys(stored(head + environments).environments)).toEqual(['production', 'test'])
  })

  it('change the steps of the environment that is applied: what names a step goes before ALL, what is not said stays', () => {
    const { template } = readTemplate('t.yaml', head + environments, 'production')
    const [a, b] = template?.steps ?? []
    expect(a).toMatchObject({
      timeoutMs: 90_000,
      retry: { retryable: true, attemptsMax: 9, backoff: 'linear', backoffBaseMs: 250, backoffMaxMs: null },
      initialization: '{"url":"there","rate":1.0,"big":12345678901234567890}',
    })
    expect(b).toMatchObject({
      timeoutMs: 60_000,
      retry: { attemptsMax: 3, backoff: 'exponential', backoffBaseMs: 250, backoffMaxMs: 30_000 },
      initialization: null,
    })
    // What is registered is what runs.
    expect(template?.configuration).toContain('"timeout_seconds":90')
    expect(template?.configuration).toContain('"initialization":{"url":"there","rate":1.0,"big":12345678901234567890}')
    const other = readTemplate('t.yaml', head + environments, 'test').template
    expect(other?.steps.map(({ retry }) => retry.retryable)).toEqual([false, false])
    expect(readTemplate('t.yaml', head + environments, 'development').template?.steps[0]?.timeoutMs).toBe(30_000)
  })

  it('are applied only where the setting says so', () => {
    const directory = mkdtempSync(join(tmpdir(), 'stephost-environments-'))
    const file = join(directory, 'stephost.toml')
    writeFileSync(file, '[templates]\napply_environments = true')
    writeFileSync(join(directory, 't.yaml'), head + environments)
    const off = loadConfig({ env: 'production', environment: {} })
    const on = loadConfig({ env: 'production', file, environment: {} })
    const timeouts = [off, on].map(({ templateEnvironment: environment, templatePath }) => {
      const { templates } = loadTemplates({ roots: [directory], templatePath, environment, strict: true })
      return templates[0]?.template.steps[0]?.timeoutMs
    })
    rmSync(directory, { recursive: true })
    expect(timeouts).toEqual([30_000, 90_000])
  })

  it.each([
    ['{production: {steps: [{timeout_seconds: 5}]}}', 'environments.production.steps[0].name: is missing'],
    ['{production: {steps: [{name: ALL, timeout_seconds: 0}]}}', 'steps[0].timeout_seconds: must be an integer from 1'],
    ['{production: {steps: [{name: a, retry: {backoff: often}}]}}', 'retry.backoff: "often" must be one of none'],
    ['{production: {steps: [{name: c}]}}', '"c" is no step of the template and not ALL'],
    ['{production: {steps: [{name: a, handler: {callable: other}}]}}', 'unknown key "callable" is ignored'],
    ['{production: {step: []}}', 'unknown key "step" is ignored (did you mean "steps"?)'],
    ['{production: 5}', 'environments.production: must be a map'],
    ['[]', 'environments: must be a map'],
  ])('are checked, whether or not they are applied: %s', (text, said) => {
    expect(problems(`${head}environments: ${text}`).join('\n')).toContain(said)
  })
})

describe('lifecycle', () => {
  it('is stored as it is written', () => {
    const lifecycle = {
      ...{ max_duration_minutes: 43200, max_waiting_for_retry_minutes: 1, max_steps_in_process_minutes: 10080 },
      ...{ staleness_action: 'dlq', auto_fail_on_timeout: false, auto_dlq_on_timeout: true },
    }
    const text = `${head}lifecycle: ${JSON.stringify(lifecycle)}`
    expect(problems(text)).toEqual([])
    expect(stored(text).lifecycle).toEqual(lifecycle)
  })

  it.each([
    ['{max_duration_minutes: 43201}', 'lifecycle.max_duration_minutes: must be an integer from 1 to 43200'],
    ['{max_waiting_for_retry_minutes: 10081}', 'max_waiting_for_retry_minutes: must be an integer from 1 to 10080'],
    ['{max_steps_in_process_minutes: 0.5}', 'max_steps_in_process_minutes: must be an integer'],
    ['{auto_fail_on_timeout: maybe}', 'lifecycle.auto_fail_on_timeout: must be true or false'],
    ['{max_duration_minute: 5}', 'unknown key "max_duration_minute" is ignored (did you mean "max_duration_minutes"?)'],
    ['soon', 'lifecycle: must be a map'],
  ])('is checked: %s', (text, said) => {
    expect(problems(`${head}lifecycle: ${text}`).join('\n')).toContain(said)
  })
})

describe('input_schema_check', () => {
  it('is stored where an author wrote it, and must be one of its words', () => {
    expect(stored(`${head}input_schema_check: enforce`).input_schema_check).toBe('enforce')
    expect(stored(head)).not.toHaveProperty('input_schema_check')
    expect(problems(`${head}input_schema_check: strict`).join()).toContain('must be one of enforce, warn, off')
  })
})
