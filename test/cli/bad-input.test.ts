// Bad input ends in a clear message with a hint and the right exit code: 2 usage, 3 environment.
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { greeter, oneStep, project, stephost, template } from './stephost.ts'

let database: TestDatabase
let env: Record<string, string>
const good = project({ 'greet.py': greeter, 'job.yaml': oneStep })
const schema = 'input_schema: { type: object, required: [name], properties: { name: { type: string } } }\n'
const step = (name: string, more = '') => `  - name: ${name}\n    handler: { callable: cli.greet }\n${more}`

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.url }
})
afterAll(() => database.drop())

describe('run refuses', () => {
  it.each([
    ['an unknown workflow', ['cli/jbo'], {}, /No workflow cli\/jbo.*did you mean "cli\/job"/s, 2],
    ['an unknown version', ['cli/job@9.9.9'], {}, /9\.9\.9.*1\.0\.0/s, 2],
    ['a name without a namespace', ['job'], {}, /NAMESPACE\/NAME/i, 2],
    ['a context that is no JSON', ['cli/job', '--context', '{oops'], {}, /--context/, 2],
    ['a context that is no object', ['cli/job', '--context', '[1]'], {}, /object/, 2],
    ['a context file that is missing', ['cli/job', '--context', '@/nonexistent.json'], {}, /nonexistent\.json/, 2],
    ['an unknown option', ['cli/job', '--contxt', '{}'], {}, /--contxt/, 2],
    [
      'a context against the schema of a workflow that enforces it',
      ['cli/job', '--context', '{"name":7}'],
      { 'job.yaml': template(step('greet'), `input_schema_check: enforce\n${schema}`) },
      /name.*string/s,
      2,
    ],
    [
      'a cycle',
      ['cli/job'],
      { 'job.yaml': template(step('a', '    dependencies: [b]\n') + step('b', '    dependencies: [a]\n')) },
      /a → b → a|b → a → b/,
      2,
    ],
    [
      'a missing dependency',
      ['cli/job'],
      { 'job.yaml': template(step('a') + step('b', '    dependencies: [aa]\n')) },
      /"aa".*did you mean "a"/s,
      2,
    ],
    [
      'a callable nobody has',
      ['cli/job'],
      { 'job.yaml': template('  - name: greet\n    handler: { callable: cli.great }\n') },
      /cli\.great.*did you mean "cli\.greet"/s,
      2,
    ],
  ])('%s', async (_what, args, files, message, exitCode) => {
    const handlers = Object.keys(files).length === 0 ? good : project({ 'greet.py': greeter, ...files })
    const { code, stdout, stderr } = await stephost(['run', ...args, '--handlers', handlers], { env })
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
    expect(code).toBe(exitCode)
  })
})

describe('a context against the schema', () => {
  const refused = { code: 2, state: null, said: /does not fit.*name.*string.*\(TASK_INVALID\)/s }
  const warned = { code: 0, state: 'complete', said: /cli\/job@1\.0\.0: the context does not fit.*name.*string/s }
  const ignored = { code: 0, state: 'complete', said: /^(?!.*does not fit)/s }
  it.each([
    ['as init configures it', 'enforce', refused],
    ['under warn', 'warn', warned],
    ['under off', 'off', ignored],
    ['without a configuration', null, warned],
  ])('%s', async (_what, check, { code, state, said }) => {
    const handlers = project({ 'greet.py': greeter, 'job.yaml': template(step('greet'), schema) })
    const config = check === null ? {} : { 'c.toml': `[orchestration]\ninput_schema_check = "${check}"\n` }
    const args = check === null ? [] : ['--config', `${project(config)}/c.toml`]
    const ended = await stephost(
      ['run', 'cli/job', '--context', '{"name":7}', '--json', '--handlers', handlers, ...args],
      { env },
    )
    expect(ended.stderr).toMatch(said)
    expect(ended.code).toBe(code)
    expect(ended.stdout === '' ? null : JSON.parse(ended.stdout).state).toBe(state)
  })
})

describe('templates', () => {
  it('warns of an unknown key with a suggestion, and refuses it under --strict', async () => {
    const handlers = project({ 'greet.py': greeter, 'job.yaml': template(step('greet', '    dependancies: []\n')) })
    const lenient = await stephost(['templates', '--handlers', handlers])
    expect(`${lenient.stdout}${lenient.stderr}`).toMatch(/dependancies.*dependencies/s)
    expect(lenient.code).toBe(0)
    expect((await stephost(['templates', '--strict', '--handlers', handlers])).code).not.toBe(0)
  })
})

describe('handlers', () => {
  it('shows why files did not load, while the others still serve', async () => {
    const handlers = project({
      'greet.py': greeter,
      'syntax.py': 'def broken(:\n',
      'import.py': 'import no_such_module\n',
      'syntax.rb': 'def broken(\n',
      'require.rb': 'require "no_such_library"\n',
      'syntax.ts': 'export const = 1\n',
      'import.ts': "import { nothing } from 'no-such-package'\nexport const x = nothing\n",
    })
    const { stdout } = await stephost(['handlers', '--json', '--handlers', handlers])
    const document = JSON.parse(stdout)
    expect(document.handlers.map((handler: { callable: string }) => handler.callable)).toEqual(['cli.greet'])
    const failures = JSON.stringify(document)
    for (const file of ['syntax.py', 'import.py', 'syntax.rb', 'require.rb', 'syntax.ts', 'import.ts'])
      expect(failures).toContain(file)
    for (const missing of ['no_such_module', 'no_such_library', 'no-such-package']) expect(failures).toContain(missing)
  })

  it('leaves out a language that cannot start, and says what to do', async () => {
    const handlers = project({
      'greet.py': greeter,
      'a.rb': 'puts 1\n',
      'config.toml': '[runtimes.ruby]\ncommand = "/nonexistent/ruby"\n',
    })
    const { stdout, stderr } = await stephost([
      'handlers',
      '--handlers',
      handlers,
      '--config',
      `${handlers}/config.toml`,
    ])
    expect(stdout).toContain('cli.greet')
    expect(`${stdout}${stderr}`).toContain('/nonexistent/ruby')
  })
})

describe('the environment', () => {
  it.each([
    ['an unreachable PostgreSQL', 'postgres://nobody:secret@127.0.0.1:1/none', /DATABASE_UNREACHABLE/],
    ['a database that is not there', '', /DATABASE_DENIED/],
  ])('%s is named without the password', async (_what, url, message) => {
    const other = new URL(database.url)
    other.pathname = '/no_such_database'
    const { code, stderr } = await stephost(['worker', '--handlers', good], {
      env: { DATABASE_URL: url || other.toString() },
    })
    expect(stderr).toMatch(message)
    expect(stderr).toContain('hint:')
    expect(stderr).not.toContain('secret')
    expect(code).toBe(3)
  })

  it('a worker does not migrate: it says what to type', async () => {
    const empty = await createTestDatabase({ empty: true })
    try {
      const { code, stderr } = await stephost(['worker', '--handlers', good], { env: { DATABASE_URL: empty.url } })
      expect(stderr).toMatch(/SCHEMA_MISSING[\s\S]*stephost migrate/)
      expect(code).toBe(3)
    } finally {
      await empty.drop()
    }
  })

  it('a port that is taken is named', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    try {
      const { code, stderr } = await stephost(['worker', '--handlers', good], {
        env: { ...env, TASKER_WEB_BIND_ADDRESS: `127.0.0.1:${port}` },
      })
      expect(stderr).toContain(`127.0.0.1:${port}`)
      expect(stderr).toContain('ADDRESS_IN_USE')
      expect(code).toBe(3)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('an unknown configuration key is named with its file and the nearest one', async () => {
    const handlers = project({ 'config.toml': '[dispatch]\nlease_msec = 15000\n' })
    const { code, stderr } = await stephost(['doctor', '--config', `${handlers}/config.toml`, '--handlers', good], {
      env,
    })
    expect(stderr).toMatch(/config\.toml.*lease_msec.*lease_ms/s)
    expect(code).toBe(2)
  })

  it('a handler directory that does not exist is named', async () => {
    const { code, stderr } = await stephost(['handlers', '--handlers', '/nonexistent'])
    expect(stderr).toMatch(/HANDLERS_DIR_MISSING/)
    expect(code).toBe(2)
  })
})
