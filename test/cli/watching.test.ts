// Who watches the handler files: `dev` unless it is told not to, `worker` when it is told to.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { greeter, oneStep, project } from './stephost.ts'

const plain = project({ 'handlers/greet.py': greeter, 'handlers/job.yaml': oneStep })
const configured = project({ 'site.toml': '[runtimes]\nreload = true\n' })

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** The sentences of the log until the command is ready; then it is stopped. */
async function sentencesOf(args: readonly string[]): Promise<string[]> {
  const anywhere = '127.0.0.1:0'
  const child = spawn(resolve('bin/stephost'), args, {
    cwd: plain,
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: database.url,
      TASKER_WEB_BIND_ADDRESS: anywhere,
      TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: anywhere,
      TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: anywhere,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  const sentences: string[] = []
  for await (const line of createInterface(child.stderr)) {
    const { msg } = JSON.parse(line) as { msg: string }
    sentences.push(msg)
    if (msg === 'ready') child.kill('SIGTERM')
  }
  expect(await exited).toEqual([0, null])
  return sentences
}

const watching = 'watching the handler files'

describe('the handler files', () => {
  it('are watched by dev, unless it is told not to', async () => {
    expect(await sentencesOf(['dev'])).toContain(watching)
    expect(await sentencesOf(['dev', '--no-reload'])).not.toContain(watching)
  }, 60_000)

  it('are watched by worker with --reload or runtimes.reload, else not', async () => {
    expect(await sentencesOf(['worker'])).not.toContain(watching)
    expect(await sentencesOf(['worker', '--reload'])).toContain(watching)
    expect(await sentencesOf(['worker', '--config', `${configured}/site.toml`])).toContain(watching)
  }, 60_000)
})
