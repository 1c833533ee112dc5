// A project whose second step waits until the test opens a gate, and the real processes that run it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { LogLevel } from '../../src/telemetry/logs.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'

const template = (gate: string) => `name: slow
namespace_name: e2e
version: 1.0.0
steps:
  - name: first
    handler: { callable: e2e.quick }
  - name: second
    handler: { callable: e2e.gated, initialization: { gate: ${JSON.stringify(gate)} } }
    dependencies: [first]
  - name: third
    handler: { callable: e2e.quick }
    dependencies: [second]
`

const handlers = `"""Handlers of which one waits for a file."""
import os
import time

from stephost import StepHandler


class Quick(StepHandler):
    handler_name = "e2e.quick"

    def call(self, context):
        return self.success({})


class Gated(StepHandler):
    handler_name = "e2e.gated"

    def call(self, context):
        gate = context.get_config("gate")
        with open(gate + ".started", "a") as started:
            started.write(f"{os.getpid()}\\n")
        while not os.path.exists(gate):
            time.sleep(0.01)
        return self.success({})
`

export interface StartOptions {
  readonly log: LogLevel
  /** Another way to the same database. */
  readonly databaseUrl?: string
  /** Further variables. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface GatedProject {
  readonly databaseUrl: string
  /** The directory of its handlers. */
  readonly root: string
  /** Starts `stephost COMMAND` on the project; it is killed at the end if it still runs. With a log its standard error is a pipe. */
  start(command: 'worker' | 'orchestrator', options?: StartOptions): ChildProcess
  submit(): Promise<string>
  status(taskId: string): Promise<string>
  /** Name, attempts and state of each step. */
  steps(taskId: string): Promise<[string, number, string][]>
  /** Resolves with the process id of the sidecar once the gated handler runs. */
  handlerStarted(): Promise<number>
  openGate(): void
  close(): Promise<void>
}

/** Of a host and its interpreters, on a machine that runs other tests beside them. */
const bootMs = 45_000

/** `dispatch`: further lines of that table. */
export async function openGatedProject(dispatch = ''): Promise<GatedProject> {
  const database = await createTestDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'stephost-e2e-'))
  const gate = join(directory, 'gate')
  const root = join(directory, 'handlers')
  const address = `127.0.0.1:${await freePort()}`
  mkdirSync(root)
  writeFileSync(join(root, 'slow.yaml'), template(gate))
  writeFileSync(join(root, 'slow.py'), handlers)
  writeFileSync(
    join(directory, 'fast.toml'),
    `[dispatch]\nlease_ms = 2000\nheartbeat_ms = 100\ncancel_grace_ms = 500\n${dispatch}`,
  )
  const children = new Set<ChildProcess>()
  const api = <T>(path: string, body?: unknown) => call<T>(`http://${address}${path}`, body)
  return {
    databaseUrl: database.url,
    root,
    start(command, options) {
      const child = spawn(
        resolve('bin/stephost'),
        [command, '--handlers', root, '--config', join(directory, 'fast.toml'), '--data-dir', join(directory, 'data')],
        {
          env: {
            ...process.env,
            DATABASE_URL: options?.databaseUrl ?? database.url,
            TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
            TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: address,
            TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0',
            LOG_LEVEL: options?.log ?? 'fatal',
            ...options?.environment,
          },
          stdio: ['ignore', 'ignore', options === undefined ? 'inherit' : 'pipe'],
        },
      )
      children.add(child)
      child.once('exit', () => children.delete(child))
      return child
    },
    async submit() {
      const request = {
        name: 'slow',
        namespace: 'e2e',
        version: '1.0.0',
        context: {},
        initiator: 'e2e',
        source_system: 'e2e',
        reason: 'e2e',
      }
      const accepted = () => api<{ task_uuid: string }>('/v1/tasks', request).catch(() => null)
      return (await eventually('the task is accepted', accepted, bootMs)).task_uuid
    },
    status: async (taskId) => (await api<{ status: string }>(`/v1/tasks/${taskId}`)).status,
    steps: async (taskId) =>
      (
        await api<{ name: string; attempts: number; current_state: string }[]>(`/v1/tasks/${taskId}/workflow_steps`)
      ).map(({ name, attempts, current_state }) => [name, attempts, current_state]),
    async handlerStarted() {
      // The file is there a moment before its line is: only a whole line counts.
      const lines = () => (existsSync(`${gate}.started`) ? readFileSync(`${gate}.started`, 'utf8') : '')
      const written = await eventually('the gated handler runs', () => lines().endsWith('\n') && lines(), bootMs)
      return Number(written.trim().split('\n').at(-1))
    },
    openGate: () => writeFileSync(gate, ''),
    async close() {
      const ended = [...children].map((child) => once(child, 'exit'))
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(ended)
      await database.drop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A zombie has a directory too, but no command line any more. */
export function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}

async function call<T>(url: string, body: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  await new Promise((closed) => server.close(closed))
  return typeof address === 'object' && address !== null ? address.port : 0
}
