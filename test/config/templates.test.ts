// Template files: what is stored, and every mistake with its place and cure.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadTemplates } from '../../src/config/templates/load-templates.ts'
import { readTemplate } from '../../src/config/templates/template-reader.ts'

const fixtures = 'test/fixtures/templates'

function messages(text: string): string[] {
  return readTemplate('t.yaml', text).problems.map(({ severity, message }) => `${severity} ${message}`)
}

/** A template with these steps, each `name: dependencies`. */
function withSteps(steps: Record<string, readonly string[]>): string {
  const lines = Object.entries(steps).map(
    ([name, needs]) => `  - {name: ${name}, dependencies: [${needs.join(', ')}], handler: {callable: c}}`,
  )
  return `name: t\nnamespace_name: n\nversion: 0.1.0\nsteps:\n${lines.join('\n')}\n`
}

describe('a good file', () => {
  const good = loadTemplates({ roots: [join(fixtures, 'good')], templatePath: null, strict: true })

  it('loads with its root; other YAML and hidden directories are left out', () => {
    expect(good.problems).toEqual([])
    expect(good.templates.map(({ file, root }) => [file, root])).toEqual([
      [join(fixtures, 'good/workflows/exact.yaml'), join(fixtures, 'good')],
      [join(fixtures, 'good/workflows/plain.yml'), join(fixtures, 'good')],
    ])
  })

  it('gives the steps with the defaults of the format', () => {
    const steps = good.templates[0]?.template.steps
    expect(steps?.[0]).toMatchObject({
      type: 'standard',
      method: 'run',
      retry: { retryable: true, attemptsMax: 5, backoff: 'linear', backoffBaseMs: null, backoffMaxMs: null },
      timeoutMs: 30_000,
    })
    expect(steps?.[1]).toMatchObject({
      type: 'decision',
      dependencies: ['measure'],
      retry: { attemptsMax: 3, backoff: 'exponential', backoffBaseMs: 1000, backoffMaxMs: 30_000 },
      timeoutMs: null,
    })
  })

  it('keeps every number as it was written', () => {
    expect(good.templates[0]?.template.steps[0]?.initialization).toBe(
      '{"ratio":1.0,"big":12345678901234567890123,"large":10000000000000000.0,"small":0.0025,"half":0.5,"hex":31,"none":null,"text":"1.0","list":[1,2.50,true]}',
    )
    expect(good.templates[0]?.template.inputSchema).toContain('"minimum":1.0')
  })

  it('stores the form with type and dependencies, absent optionals null', () => {
    expect(JSON.parse(good.templates[1]?.template.configuration ?? '')).toEqual({
      name: 'plain',
      namespace_name: 'billing',
      version: '0.1.0',
      description: null,
      metadata: null,
      system_dependencies: { primary: 'default', secondary: [] },
      domain_events: [],
      input_schema: null,
      steps: [
        {
          name: 'only',
          description: null,
          handler: { callable: 'only_one', method: null, resolver: null, initialization: {} },
          type: 'standard',
          system_dependency: null,
          dependencies: [],
          retry: {
            retryable: true,
            max_attempts: 3,
            backoff: 'exponential',
            backoff_base_ms: 1000,
            max_backoff_ms: 30000,
          },
          timeout_seconds: null,
          publishes_events: [],
          batch_config: null,
        },
      ],
      environments: {},
      lifecycle: null,
    })
    expect(good.templates[0]?.template.configuration).toContain('"type":"decision"')
  })

  it('writes floats with the value that they have', () => {
    const written = fc.tuple(
      fc.constantFrom('', '-', '+'),
      fc.nat(99_999),
      fc.nat(9999),
      fc.integer({ min: -30, max: 30 }),
    )
    fc.assert(
      fc.property(written, ([sign, whole, fraction, exponent]) => {
        const source = `${sign}${whole}.${fraction}e${exponent}`
        const text = `${withSteps({ a: [] })}metadata: {value: ${source}}`
        const stored = readTemplate('t.yaml', text).template?.configuration ?? '{}'
        const token = /"value":([^}]*)\}/.exec(stored)?.[1] ?? ''
        expect(token).toMatch(/^-?(0|[1-9]\d*)\.\d+$/)
        expect(Number(token)).toBe(Number(source))
      }),
    )
  })
})

describe('a mistake', () => {
  it.each([
    ['a missing field', 'namespace_name: n\nversion: 0.1.0\nsteps: []', 'error t.yaml:1: name: is missing'],
    [
      'no step',
      'name: t\nnamespace_name: n\nversion: 0.1.0\nsteps: []',
      'error t.yaml:4: steps: must have at least one step',
    ],
    [
      'a number for text',
      withSteps({ a: [] }).replace('0.1.0', '1.0'),
      'error t.yaml:3: version: must be text; write "1.0" in quotes',
    ],
    [
      'a long version',
      withSteps({ a: [] }).replace('0.1.0', '1.0.0-preview.2026'),
      'error t.yaml:3: version: has 18 characters; at most 16 are allowed',
    ],
    [
      'a bad namespace',
      withSteps({ a: [] }).replace('namespace_name: n', 'namespace_name: my-team'),
      'error t.yaml:2: namespace_name: "my-team" must be letters, digits and underscores, not beginning with a digit',
    ],
    [
      'a dependency that is no step',
      withSteps({ validate: [], charge: ['vaildate'] }),
      'error t.yaml:6: steps[1].name: step "charge" depends on "vaildate", which is no step (did you mean "validate"?)',
    ],
    [
      'a cycle',
      withSteps({ a: [], b: ['a', 'd'], c: ['b'], d: ['c'] }),
      'error t.yaml:6: steps[1].name: steps wait for each other in a cycle: b → c → d → b; remove one of these dependencies',
    ],
    [
      'a step that waits for itself',
      withSteps({ a: ['a'] }),
      'error t.yaml:5: steps[0].name: steps wait for each other in a cycle: a → a; remove one of these dependencies',
    ],
    [
      'a decision that nothing leads to',
      withSteps({ a: [] }).replace('{name: a', '{name: a, type: decision'),
      'error t.yaml:5: steps[0].name: decision step "a" needs at least one dependency',
    ],
    [
      'an unknown type',
      withSteps({ a: [] }).replace('{name: a', '{name: a, type: decison'),
      'error t.yaml:5: steps[0].type: "decison" must be one of standard, decision, deferred_convergence, batchable, batch_worker (did you mean "decision"?)',
    ],
    [
      'too many attempts',
      withSteps({ a: [] }).replace('{name: a', '{name: a, retry: {max_attempts: 0}'),
      'error t.yaml:5: steps[0].retry.max_attempts: must be an integer from 1 to 100',
    ],
    [
      'an unknown key',
      withSteps({ a: [] }).replace('{name: a', '{name: a, timeout_second: 5'),
      'warning t.yaml:5: steps[0]: unknown key "timeout_second" is ignored (did you mean "timeout_seconds"?)',
    ],
    [
      'half a batch_config',
      withSteps({ a: [] }).replace(
        '{name: a',
        '{name: a, batch_config: {batch_size: 5, parallelism: 1, cursor_field: id, worker_template: w}',
      ),
      'error t.yaml:5: steps[0].batch_config.failure_strategy: is missing',
    ],
    [
      'a value JSON does not have',
      `${withSteps({ a: [] })}metadata: {x: .nan}`,
      'error t.yaml:6: metadata: holds .nan, which JSON does not have',
    ],
    [
      'an unusable schema',
      `${withSteps({ a: [] })}input_schema: {type: objekt}`,
      'error t.yaml:6: input_schema: is no usable JSON Schema',
    ],
  ])('%s is reported with its place', (_, text, expected) => {
    expect(
      messages(text).some((message) => message.startsWith(expected)),
      messages(text).join('\n'),
    ).toBe(true)
    expect(readTemplate('t.yaml', text).template === null).toBe(expected.startsWith('error'))
  })

  it('reports two steps of one name', () => {
    const text = `${withSteps({ a: [] })}  - {name: a, handler: {callable: c}}`
    expect(messages(text)).toEqual(['error t.yaml:6: steps[1].name: two steps are named "a"; rename one'])
  })

  it('reports broken YAML with line and column', () => {
    expect(messages('name: [unclosed\nsteps: 5')[0]).toMatch(/^error t\.yaml:\d+:\d+: /)
  })

  it('ends at aliases that grow without end', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `  l${n + 1}: &l${n + 1} [*l${n}, *l${n}]`).join('\n')
    expect(messages(`${withSteps({ a: [] })}metadata:\n  l0: &l0 [x]\n${levels}`)[0]).toContain(
      'aliases count each time',
    )
    expect(messages(`${withSteps({ a: [] })}metadata: &m\n  again: *m`)[0]).toContain('nested deeper than 200')
  })
})

describe('a directory', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'stephost-templates-'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  it('with two files for one template loads neither and names both', () => {
    const { templates, problems } = loadTemplates({
      roots: [join(fixtures, 'twins')],
      templatePath: null,
      strict: false,
    })
    expect(templates).toEqual([])
    expect(problems).toHaveLength(1)
    expect(problems[0]?.message).toContain('billing/twin@0.1.0 is declared in test/fixtures/templates/twins/a.yaml and')
  })

  it('that is named twice gives each template once, with its root', () => {
    const root = join(fixtures, 'good')
    const options = { roots: [root], templatePath: join(root, 'workflows'), strict: false }
    expect(loadTemplates(options).templates.map((loaded) => loaded.root)).toEqual([root, root])
  })

  it('that does not exist is refused', () => {
    expect(() => loadTemplates({ roots: ['/nowhere'], templatePath: null, strict: false })).toThrow(
      'does not exist: /nowhere',
    )
  })

  it('of TASKER_TEMPLATE_PATH must hold templates only', () => {
    mkdirSync(join(directory, 'only'))
    writeFileSync(join(directory, 'only/other.yaml'), 'a: 1')
    const { problems } = loadTemplates({ roots: [], templatePath: join(directory, 'only'), strict: false })
    expect(problems[0]).toMatchObject({ severity: 'error', message: expect.stringContaining('is no template') })
  })

  it('under strict refuses what is only a warning', () => {
    mkdirSync(join(directory, 'strict'))
    writeFileSync(join(directory, 'strict/t.yaml'), `${withSteps({ a: [] })}colour: red`)
    const options = { roots: [join(directory, 'strict')], templatePath: null }
    expect(loadTemplates({ ...options, strict: false }).templates).toHaveLength(1)
    expect(loadTemplates({ ...options, strict: true })).toMatchObject({
      templates: [],
      problems: [{ severity: 'error' }],
    })
  })
})
