// `stephost init`: the project runs at once, in all languages, and refuses what its schema refuses; nothing is overwritten, nothing half done.

import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeProject } from '../../src/cli/new-project.ts'
import { projectSteps } from '../../src/cli/project-workflow.ts'
import { loadConfig } from '../../src/config/config.ts'
import { type RuntimeName, runtimeNames } from '../../src/model/handler.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { cargoHomes, cargoTarget, project, stephost } from './stephost.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

interface RunDocument {
  readonly state: string
  readonly steps: readonly { readonly name: string; readonly runtime: string; readonly result: unknown }[]
}

const env = () => ({ DATABASE_URL: database.url })
const run = ['run', 'shop/process_order', '--context', '@order.json', '--json']

async function build(directory: string, step: string): Promise<unknown[]> {
  // The dependencies and the profile of the repository, so that little is left to build.
  const crate = join(directory, 'handlers/shop', step)
  copyFileSync('Cargo.lock', join(crate, 'Cargo.lock'))
  appendFileSync(join(crate, 'Cargo.toml'), '\n[profile.release]\npanic = "unwind"\nstrip = "debuginfo"\n')
  const target = cargoTarget()
  // What an earlier run has built.
  rmSync(join(target, `release/lib${step}.so`), { force: true })
  symlinkSync(target, join(directory, 'target'))
  const { code, stdout } = await stephost(['build'], { cwd: directory, env: cargoHomes(), timeoutMs: 170_000 })
  return [code, stdout]
}

/** The language of each step, in the order of the workflow. */
async function ranIn(directory: string): Promise<string[]> {
  const { stdout, stderr } = await stephost(run, { cwd: directory, env: env() })
  if (stdout === '') throw new Error(stderr)
  const { state, steps } = JSON.parse(stdout) as RunDocument
  expect(state).toBe('complete')
  const order = ['price_order', 'reserve_stock', 'charge_card', 'send_receipt']
  return steps.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)).map(({ runtime }) => runtime)
}

/** A line of a shell. */
async function typed(line: string, directory: string): Promise<string> {
  const PATH = `${resolve('bin')}:${process.env['PATH'] ?? ''}`
  return (await execa('sh', ['-c', line], { cwd: directory, env: { PATH }, stdin: 'ignore' })).stdout
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
}

describe('init', () => {
  it('writes a project that runs as it is, on a PostgreSQL of its own', async () => {
    const parent = project({})
    const made = await stephost(['init', 'my shop'], { cwd: parent })
    expect([made.code, made.stderr]).toEqual([0, ''])
    expect(made.stdout).toContain("  cd 'my shop'\n  stephost run shop/process_order --context @order.json")
    const { code, stdout } = await stephost(run, { cwd: join(parent, 'my shop') })
    expect(JSON.parse(stdout) as RunDocument).toMatchObject({
      state: 'complete',
      steps: [
        { name: 'price_order', runtime: 'typescript', result: { total_cents: 1404 } },
        { name: 'reserve_stock', runtime: 'python', result: { warehouse: 'north', reserved_cents: 1404 } },
      ],
    })
    expect(code).toBe(0)
  })

  it('joins all four languages, and says that Rust is built first', async () => {
    const directory = join(project({}), 'shop')
    const args = ['init', directory, '--languages', 'typescript, python,ruby,rust', '--json']
    const { stdout } = await stephost(args)
    const document = JSON.parse(stdout) as { files: string[]; next: string[] }
    expect(document.next[0]).toBe('stephost build')
    expect(document.files.map((file) => join(directory, file)).toSorted()).toEqual(filesBelow(directory).toSorted())
    expect(await build(directory, 'reserve_stock')).toEqual([0, 'built shop/reserve_stock/Cargo.toml'])
    expect(await ranIn(directory)).toEqual(['typescript', 'rust', 'python', 'ruby'])
    const wrong = await stephost([...run.slice(0, 2), '--context', '{"items":[]}'], { cwd: directory, env: env() })
    expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining("required property 'email'") })
  }, 240_000)

  it('begins in Rust, whose order is never too large for its numbers', async () => {
    const directory = join(project({}), 'shop')
    makeProject(directory, ['rust', 'typescript', 'ruby', 'python'])
    expect(await build(directory, 'price_order')).toEqual([0, 'built shop/price_order/Cargo.toml'])
    expect(await ranIn(directory)).toEqual(['rust', 'typescript', 'ruby', 'python'])
    const items = [{ quantity: 2 ** 40, unit_price_cents: 2 ** 40 }]
    const invoke = ['invoke', 'shop.price_order', '--context', JSON.stringify({ items }), '--json']
    const { code, stdout } = await stephost(invoke, { cwd: directory })
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { error: { error_type: 'validation_error', error_code: 'TOO_LARGE', retryable: false } },
    ])
  }, 240_000)

  it.each<{ languages: readonly [RuntimeName, ...RuntimeName[]] }>([
    { languages: ['ruby', 'rust', 'python', 'typescript'] },
    { languages: ['python', 'ruby', 'typescript'] },
  ])(
    'runs $languages in this order',
    async ({ languages }) => {
      const directory = join(project({}), 'shop')
      makeProject(directory, languages)
      if (languages.includes('rust')) await build(directory, 'reserve_stock')
      expect(await ranIn(directory)).toEqual(languages)
    },
    240_000,
  )

  it('shows commands for single handlers in its README that do what the workflow does', async () => {
    const directory = join(project({}), 'shop')
    makeProject(directory, ['ruby', 'python'])
    const readme = readFileSync(join(directory, 'README.md'), 'utf8')
    const [price = '', reserve = '', ...others] = readme.match(/^stephost invoke .*$/gm) ?? []
    expect(others).toEqual([])
    const priced = await typed(price, directory)
    expect(JSON.parse(priced)).toEqual({ net_cents: 1180, tax_cents: 224, total_cents: 1404 })
    expect(JSON.parse(await typed(reserve, directory))).toEqual({ warehouse: 'north', reserved_cents: 1404 })
  })

  it.each([
    ['-shop', 'cd ./-shop'],
    ["Ada's shop", "cd 'Ada'\\''s shop'"],
  ])('says how to enter %s', async (name, command) => {
    const cwd = project({})
    const { stdout } = await stephost(['init', '--', name], { cwd })
    expect(stdout).toContain(`\n  ${command}\n`)
    expect(await typed(`${command} && ls order.json`, cwd)).toBe('order.json')
  })

  it('checks contexts strictly, by its configuration and in its workflow', () => {
    const directory = join(project({}), 'shop')
    makeProject(directory, ['ruby'])
    const config = loadConfig({ environment: {}, file: join(directory, 'stephost.toml') })
    expect(config.orchestration.inputSchemaCheck).toBe('enforce')
    const workflow = readFileSync(join(directory, 'handlers/workflows/process_order.yaml'), 'utf8')
    expect(workflow).toMatch(/^input_schema_check: enforce/m)
  })

  it('has an example for each step in whatever languages there are', () => {
    for (const languages of arrangements(runtimeNames)) {
      const [first, ...others] = languages
      if (first === undefined) continue
      const directory = join(project({}), 'shop')
      makeProject(directory, [first, ...others])
      const steps = projectSteps([first, ...others])
      expect(new Set(steps.map(({ language }) => language))).toEqual(new Set(languages))
    }
  })
})

/** Every choice of some of the languages in every order. */
function arrangements(languages: readonly RuntimeName[]): RuntimeName[][] {
  const longer = languages.flatMap((first) => {
    const rest = languages.filter((language) => language !== first)
    return arrangements(rest).map((others) => [first, ...others])
  })
  return [[], ...longer]
}

describe('init refuses', () => {
  it.each([
    ['a language that is none', ['shop', '--languages', 'pyhton'], 'no language "pyhton" (did you mean "python"?)'],
    ['no languages', ['shop', '--languages', ','], '--languages names none'],
    ['no directory', [], "missing required argument 'dir'"],
    ['a directory without a name', [''], 'the directory has no name'],
    ['a file', ['notes.txt'], 'notes.txt is no directory'],
    ['a directory below a file', ['notes.txt/shop'], 'cannot be written, so nothing was: ENOTDIR'],
  ])('%s, and writes nothing', async (_, args, words) => {
    const cwd = project({ 'notes.txt': 'mine\n' })
    const { code, stdout, stderr } = await stephost(['init', ...args], { cwd })
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(words)])
    expect(filesBelow(cwd)).toEqual([join(cwd, 'notes.txt')])
  })

  it('a place where nothing can be made: not what was typed is wrong, but the machine', async () => {
    const { code, stdout, stderr } = await stephost(['init', '/proc/shop'], { cwd: project({}) })
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/error: .*cannot be written, so nothing was: ENOENT.*\nhint: Choose another place/)
  })

  it.each([
    ['another language', 'handlers/shop/price-order.ts'],
    ['the same language, written otherwise', 'handlers/shop/price-order.py'],
    ['a crate', 'handlers/shop/price_order/src/lib.rs'],
  ])('a handler of the same name in %s', async (_, file) => {
    const cwd = project({ [file]: 'mine\n' })
    const { code, stderr } = await stephost(['init', '.', '--languages', 'python'], { cwd })
    expect([code, stderr]).toEqual([2, expect.stringContaining(`error: ${file} exists already`)])
    expect(filesBelow(cwd)).toEqual([join(cwd, file)])
  })

  it('a project that is there already: names its files and leaves them', async () => {
    const cwd = project({ 'README.md': '# mine\n', 'handlers/shop/reserve_stock.py': '# mine\n', 'other.txt': '' })
    const { code, stderr } = await stephost(['init', '.'], { cwd })
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('handlers/shop/reserve_stock.py, README.md exist already'),
    ])
    expect(filesBelow(cwd)).toHaveLength(3)
    expect(readFileSync(join(cwd, 'README.md'), 'utf8')).toBe('# mine\n')
  })

  it('what cannot be written to its end: takes back what was', async () => {
    const cwd = project({ 'shop/handlers/workflows': 'a file in the way\n' })
    const { code, stderr } = await stephost(['init', 'shop'], { cwd })
    const workflow = 'shop/handlers/workflows/process_order.yaml'
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${workflow} cannot be written, so nothing was`)])
    expect(readdirSync(join(cwd, 'shop'))).toEqual(['handlers'])
    expect(readdirSync(join(cwd, 'shop/handlers'))).toEqual(['workflows'])
  })

  it('nothing of a directory whose files have other names', () => {
    const directory = project({ 'notes.txt': 'mine\n' })
    mkdirSync(join(directory, '.git'))
    makeProject(directory, ['python'])
    expect(existsSync(join(directory, 'handlers/shop/price_order.py'))).toBe(true)
  })
})
