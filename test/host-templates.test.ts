// Templates that change while a host runs, between real files and a scripted registry.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostTemplates } from '../src/host-templates.ts'
import { HostError } from '../src/model/host-error.ts'
import { type TaskTemplate, type TemplateProblem, templateKey } from '../src/model/template.ts'
import { eventually } from './fixtures/eventually.ts'

let root: string
let lines: string[]
let registrations: string[][]
let refused: readonly TemplateProblem[]
let changes: number
let fault: HostError | null
let stored: Map<string, string>
let templates: HostTemplates
let cache: { backend: string; ttlS: number } | null

const job = (name: string, callable = 'a', more = '') =>
  `name: ${name}\nnamespace_name: shop\nversion: 1.0.0\n${more}steps:\n  - name: only\n    handler: { callable: ${callable} }\n`
const save = (file: string, text: string) => writeFileSync(join(root, file), text)
const names = () => templates.templates.map(({ template }) => template.name).toSorted()
const callableOf = (name: string) =>
  templates.templates.find(({ template }) => template.name === name)?.template.steps[0]?.callable

async function register(all: readonly TaskTemplate[]): Promise<readonly string[]> {
  registrations.push(all.map(({ name }) => name).toSorted())
  if (fault !== null) throw fault
  const written = all.filter((template) => stored.get(templateKey(template)) !== template.configuration)
  for (const template of written) stored.set(templateKey(template), template.configuration)
  return written.map(templateKey)
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'stephost-templates-'))
  lines = []
  registrations = []
  refused = []
  changes = 0
  fault = null
  cache = null
  stored = new Map()
  const say = (_details: object, message: string) => lines.push(message.replaceAll(`${root}/`, ''))
  templates = new HostTemplates({
    get cache() {
      return cache
    },
    ...{ roots: [root], templatePath: null, strict: false, log: { info: say, warn: say, error: say }, register },
    check: () => refused,
    changed: () => {
      changes += 1
    },
  })
  save('one.yaml', job('one'))
  save('two.yaml', job('two'))
  templates.load()
  await templates.register()
})
afterEach(async () => {
  await templates.stop()
  rmSync(root, { recursive: true, force: true })
})

/** All that the files say now has been taken. */
async function taken(): Promise<void> {
  const before = changes
  templates.filesChanged()
  await eventually('the files are taken', () => changes > before)
}

describe('templates whose files change', () => {
  it('wait until the host has started, and are registered together with the others', async () => {
    save('one.yaml', job('one', 'b'))
    templates.filesChanged()
    expect(callableOf('one')).toBe('a')
    templates.follow()
    await eventually('it is taken', () => changes === 1)
    expect(callableOf('one')).toBe('b')
    expect(registrations).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ])
    expect(lines).toEqual(['template shop/one@1.0.0 registered'])
  })

  it('say nothing when nothing of what they mean has changed', async () => {
    templates.follow()
    save('one.yaml', `# a comment\n${job('one')}`)
    await taken()
    expect(lines).toEqual([])
  })

  it.each([
    ['is no YAML any more', 'steps: [', /^one\.yaml:\d+:\d+: .*; the template from before serves$/],
    ['has lost a key', 'name: one\nsteps: []\n', /^one\.yaml.*namespace_name.*; the template from before serves$/],
    [
      'has a name over its limit',
      job('x'.repeat(65)),
      /^one\.yaml:1: name: has 65 characters; at most 64 are allowed; the template from before serves$/,
    ],
    ['has become the twin of another', job('two'), /two\.yaml.*; the template from before serves$/],
  ])('stay as they were when the file %s', async (_, text, said) => {
    templates.follow()
    save('one.yaml', text)
    await taken()
    expect(names()).toEqual(['one', 'two'])
    expect(callableOf('one')).toBe('a')
    expect(lines).toContainEqual(expect.stringMatching(said))
    const before = lines.length
    await taken()
    expect(lines).toHaveLength(before)
    save('one.yaml', job('one', 'b'))
    await taken()
    expect(callableOf('one')).toBe('b')
    expect(templates.problems).toEqual([])
  })

  it('stay as they were when the handlers that are loaded do not allow the new version', async () => {
    templates.follow()
    save('one.yaml', job('one', 'ambiguous'))
    refused = [{ severity: 'error', file: join(root, 'one.yaml'), message: 'the callable is declared twice' }]
    await taken()
    expect(callableOf('one')).toBe('a')
    expect(lines).toEqual(['the callable is declared twice; the template from before serves'])
  })

  it('go with their file, and come with a new one, under the root that it lies in', async () => {
    templates.follow()
    rmSync(join(root, 'one.yaml'))
    save('three.yaml', job('three'))
    await taken()
    expect(names()).toEqual(['three', 'two'])
    expect([...templates.rootsByTemplate]).toEqual([
      ['shop/three@1.0.0', root],
      ['shop/two@1.0.0', root],
    ])
  })

  it('move to another file', async () => {
    templates.follow()
    rmSync(join(root, 'one.yaml'))
    save('moved.yaml', job('one', 'b'))
    await taken()
    expect(names()).toEqual(['one', 'two'])
    expect(callableOf('one')).toBe('b')
  })

  it('are registered once PostgreSQL is back, without another save', async () => {
    templates.follow()
    fault = new HostError('DATABASE_UNREACHABLE', 'gone')
    save('one.yaml', job('one', 'b'))
    templates.filesChanged()
    await eventually('it failed', () => lines.includes('changed templates are not registered; trying again'))
    expect(callableOf('one')).toBe('a')
    fault = null
    await eventually('it is registered', () => callableOf('one') === 'b')
  })

  it.each([
    ['redis', '; to end that now: redis-cli DEL tasker:task_template:shop:one:1.0.0'],
    ['moka', ''],
  ])('may lie in the %s cache of Tasker’s server in an older version, which is said', async (backend, cure) => {
    templates.follow()
    cache = { backend, ttlS: 300 }
    save('one.yaml', job('one', 'b'))
    await taken()
    expect(lines).toContain(
      `Tasker's server may go on with cached versions of templates that changed, for up to 300 s${cure}`,
    )
    lines = []
    await taken()
    expect(lines).toEqual([])
  })

  it('are not taken any more after the end', async () => {
    templates.follow()
    await templates.stop()
    save('one.yaml', job('one', 'b'))
    templates.filesChanged()
    await templates.stop()
    expect(registrations).toHaveLength(1)
  })
})
