// A worker killed with -9 in the middle of a workflow: another start finishes it, and nothing of the dead one stays behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'

const restPort = 18_080 + (process.pid % 1_000)
const directory = mkdtempSync(join(tmpdir(), 'stephost-e2e-'))
const gate = join(directory, 'gate')
const handlers = join(directory, 'handlers')
const children = new Set<ChildProcess>()
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  mkdirSync(handlers)
  writeFileSync(
    join(handlers, 'slow.yaml'),
    `name: slow
namespace_name: e2e
version: 1.0.0
steps:
  - name: first
    handler: { callable: e2e.quick, initialization: {} }
  - name: second
    handler: { callable: e2e.gated, initialization: { gate: ${JSON.stringify(gate)} } }
    dependencies: [first]
  - name: third
    handler: { callable: e2e.quick }
    dependencies: [second]
`,
  )
  writeFileSync(
    join(handlers, 'slow.py'),
    `"""Handlers of which one waits for a file."""
import os
import time

from stephost import StepHandler


class Quick(StepHandler):
    handler_name = "e2e.quick"

    def call(self, context):
        return self.success({"attempts": context.retry_count})


class Gated(StepHandler):
    handler_name = "e2e.gated"

    def call(self, context):
        gate = context.get_config("gate")
        with open(gate + ".started", "a") as started:
            started.write(f"{os.getpid()}\\n")
        while not os.path.exists(gate):
            time.sleep(0.01)
        return self.success({"attempts": context.retry_count})
`,
  )
  const address = `127.0.0.1:${restPort}`
  writeFileSync(
    join(directory, 'fast.toml'),
    `[dispatch]\nlease_ms = 2000\nheartbeat_ms = 100\n\n[orchestration.web]\nbind_address = "${address}"\n`,
  )
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all([...children].map((child) => once(child, 'exit')))
})

afterAll(async () => {
  await database.drop()
  rmSync(directory, { recursive: true, force: true })
})

function stephost(...args: string[]): ChildProcess {
  const child = spawn(
    resolve('bin/stephost'),
    [...args, '--handlers', handlers, '--config', join(directory, 'fast.toml')],
    {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
        LOG_LEVEL: 'error',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

async function api<T>(path: string, body?: unknown): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`http://127.0.0.1:${restPort}${path}`, init)
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

function isAlive(pid: number): boolean {
  // A zombie has a directory too; its command line is empty.
  return existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
}

describe('a killed worker', () => {
  it('costs an attempt of the step it ran, and the workflow finishes in the next one', async () => {
    stephost('orchestrator')
    const worker = stephost('worker')
    await eventually('the orchestrator answers', () => api('/health').catch(() => null), 20_000)
    const request = {
      name: 'slow',
      namespace: 'e2e',
      version: '1.0.0',
      context: {},
      initiator: 'test',
      source_system: 'test',
      reason: 'test',
    }
    const task = await eventually(
      'the task is accepted',
      () => api<{ task_uuid: string }>('/v1/tasks', request).catch(() => null),
      20_000,
    )
    await eventually('the gated handler runs', () => existsSync(`${gate}.started`), 20_000)
    const sidecar = Number(readFileSync(`${gate}.started`, 'utf8').trim())
    expect(isAlive(sidecar)).toBe(true)

    worker.kill('SIGKILL')
    await once(worker, 'exit')
    await eventually('the sidecar of the dead worker is gone', () => !isAlive(sidecar), 5_000)

    writeFileSync(gate, '')
    stephost('worker')
    const status = () => api<{ status: string }>(`/v1/tasks/${task.task_uuid}`)
    await eventually('the task is complete', async () => (await status()).status === 'complete', 25_000)
    const steps = await api<{ name: string; attempts: number; current_state: string }[]>(
      `/v1/tasks/${task.task_uuid}/workflow_steps`,
    )
    expect(steps.map(({ name, attempts }) => [name, attempts])).toEqual([
      ['first', 1],
      ['second', 2],
      ['third', 1],
    ])
  }, 90_000)
})
