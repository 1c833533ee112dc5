// The commands on good input: what they print, where they print it, and how they end.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { greeter, oneStep, project, stephost } from './stephost.ts'

let database: TestDatabase
let env: Record<string, string>
const handlers = project({ 'greet.py': greeter, 'job.yaml': oneStep })

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.url }
})
afterAll(() => database.drop())

describe('run', () => {
  it('prints each step and the results, and ends with 0', async () => {
    const { code, stdout } = await stephost(['run', 'cli/job', '--handlers', handlers, '--context', '{"name":"Zoë"}'], {
      env,
    })
    expect(stdout).toMatch(/✓ greet {2}complete +python +[\d.]+ ms/)
    expect(stdout).toContain('"greeting": "Hello Zoë"')
    expect(code).toBe(0)
  })

  it('gives one JSON document on standard output and nothing else; what handlers print goes to standard error', async () => {
    const args = ['run', 'cli/job', '--handlers', handlers, '--json', '--context', '{"exact": 9223372036854775807}']
    const { code, stdout, stderr } = await stephost(args, { env })
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'complete',
      steps: [{ name: 'greet', state: 'complete', attempts: 1, runtime: 'python', error: null }],
    })
    expect(stdout).toContain('9223372036854775807')
    expect(stdout).not.toContain('hello from the handler')
    expect(stderr).toContain('hello from the handler')
    expect(code).toBe(0)
  })

  it('ends with 1 when the work failed, and says why', async () => {
    const { code, stdout } = await stephost(['run', 'cli/job', '--handlers', handlers, '--context', '{"fail":true}'], {
      env,
    })
    expect(stdout).toContain('failed: asked to fail (permanent_error)')
    expect(code).toBe(1)
  })

  it('runs the same context again, but not with --once', async () => {
    const once = ['run', 'cli/job', '--handlers', handlers, '--once', '--context', '{"name":"once"}']
    expect((await stephost(once, { env })).code).toBe(0)
    const again = await stephost(once, { env })
    expect(again.stderr).toContain('TASK_DUPLICATE')
    expect(again.code).not.toBe(0)
  })
})

describe('invoke', () => {
  it.each([
    [
      'typescript',
      'shop.validate_order',
      { '--context': '{"lines":[{"quantity":2,"unit_price_cents":50}]}' },
      'net_cents',
    ],
    ['ruby', 'Shop::ReserveStock', { '--deps': '{"validate_order":{"lines":[{"sku":"a","quantity":2}]}}' }, 'items'],
    [
      'rust',
      'shop.charge_card',
      { '--context': '{"card":"x"}', '--deps': '{"validate_order":{"total_cents":7}}', '--init': '{"provider":"p"}' },
      'amount_cents',
    ],
    ['python', 'cli.greet', { '--handlers': handlers, '--context': '{"name":"Ada"}' }, 'greeting'],
  ])('runs a %s handler without any database', async (_language, callable, options, field) => {
    const { code, stdout } = await stephost(['invoke', callable, ...Object.entries(options).flat(), '--json'])
    const document = JSON.parse(stdout)
    expect(Object.keys(document).toSorted()).toEqual(['error', 'metadata', 'result', 'success'])
    expect(document).toMatchObject({ success: true, error: null, result: { [field]: expect.anything() } })
    expect(code).toBe(0)
  })

  it('ends with 1 when the handler failed, and says how', async () => {
    const args = ['invoke', 'cli.greet', '--handlers', handlers, '--context', '{"fail":true}', '--json']
    const { code, stdout } = await stephost(args)
    expect(JSON.parse(stdout)).toMatchObject({ success: false, error: { message: 'asked to fail', retryable: false } })
    expect(code).toBe(1)
  })
})

describe('the commands that look', () => {
  it('list the handlers of every language', async () => {
    const { stdout, code } = await stephost(['handlers', '--json'])
    const document = JSON.parse(stdout)
    expect(document.handlers.map((handler: { runtime: string }) => handler.runtime).toSorted()).toEqual([
      'python',
      'ruby',
      'rust',
      'typescript',
    ])
    expect(code).toBe(0)
  })

  it('list the templates', async () => {
    const { stdout, code } = await stephost(['templates'])
    expect(stdout).toContain('shop/process_order@1.0.0')
    expect(code).toBe(0)
  })

  it('say what the machine has', async () => {
    const { stdout, code } = await stephost(['doctor'], { env })
    expect(stdout).toMatch(/ok +ruby with msgpack/)
    expect(stdout).toMatch(/ok +DATABASE_URL +PostgreSQL 18/)
    expect(code).toBe(0)
  })

  it.each(['dev', 'worker', 'orchestrator', 'migrate', 'run', 'invoke', 'handlers', 'templates', 'doctor'])(
    'explain themselves: %s',
    async (command) => {
      const { stdout, stderr, code } = await stephost([command, '--help'])
      expect(`${stdout}${stderr}`).toContain(`Usage: stephost ${command}`)
      expect(code).toBe(0)
    },
  )
})

describe('migrate', () => {
  it('creates the schema once, and has nothing to do after that', async () => {
    const empty = await createTestDatabase({ empty: true })
    try {
      const first = await stephost(['migrate', '--json'], { env: { DATABASE_URL: empty.url } })
      expect(JSON.parse(first.stdout).applied.length).toBeGreaterThan(0)
      const second = await stephost(['migrate', '--json'], { env: { DATABASE_URL: empty.url } })
      expect(JSON.parse(second.stdout).applied).toEqual([])
    } finally {
      await empty.drop()
    }
  })
})
