// SIGHUP on a real worker: changed limits hold at once, a wrong file changes nothing, and what needs a restart is named.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

const bootMs = 30_000
const holding = `import os
import time
import uuid

from stephost import StepHandler


class Hold(StepHandler):
    """Runs until its file is taken away."""

    handler_name = "e2e.hold"

    def call(self, context):
        file = os.path.join(context.get_input("directory"), str(uuid.uuid4()))
        open(file, "w").close()
        while os.path.exists(file):
            time.sleep(0.01)
        return self.success({})
`

let directory: string
let running: string
let database: OpenDatabase
let worker: ChildProcess
let log: string

beforeEach(async () => {
  database = await openTestDatabase()
  directory = mkdtempSync(join(tmpdir(), 'stephost-hup-'))
  running = join(directory, 'running')
  for (const name of ['handlers', 'running']) mkdirSync(join(directory, name))
  writeFileSync(join(directory, 'handlers', 'hold.py'), holding)
  writeFileSync(
    join(directory, 'handlers', 'hold.yaml'),
    'name: hold\nnamespace_name: e2e\nversion: 1.0.0\nsteps:\n  - name: hold\n    handler: { callable: e2e.hold }\n',
  )
}, 60_000)

afterEach(async () => {
  if (worker.exitCode === null && worker.signalCode === null) {
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  }
  await database.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

function configure(text: string): void {
  writeFileSync(join(directory, 'site.toml'), text)
}

async function startWorker(...more: string[]): Promise<void> {
  log = ''
  const roots = ['--handlers', join(directory, 'handlers'), '--config', join(directory, 'site.toml')]
  worker = spawn(resolve('bin/stephost'), ['worker', ...roots, '--data-dir', join(directory, 'data'), ...more], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  worker.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  await eventually('the worker is ready', () => log.includes('ready'), bootMs)
}

async function submit(count: number): Promise<void> {
  const store = orchestrationStore(database.database)
  const tasks = new Orchestrator({ store, wakeUps: null, onFault: () => {}, onWarning: () => {} })
  for (let index = 0; index < count; index += 1) {
    const context = JSON.stringify({ directory: running }) as JsonText
    await tasks.createTask({
      ...{ namespace: 'e2e', name: 'hold', version: null, context, tags: [], priority: null, inputSchema: 'off' },
      ...{ initiator: 'test', sourceSystem: 'test', reason: 'test', correlationId: null, parentCorrelationId: null },
      freshIdentity: true,
    })
  }
}

const runningNow = () => readdirSync(running).length

function release(): void {
  for (const name of readdirSync(running)) rmSync(join(running, name), { force: true })
}

describe('SIGHUP', () => {
  it('changes limits live, refuses a wrong file as a whole, and names what needs a restart', async () => {
    configure('limits.handlers."e2e.hold" = 1')
    await startWorker()
    await submit(8)
    await eventually('one runs', () => runningNow() === 1)
    configure('limits.handlers."e2e.hold" = 3\ndispatch.lease_ms = 20000')
    worker.kill('SIGHUP')
    await eventually('three run', () => runningNow() === 3)
    expect(log).toContain('limits.handlers.\\"e2e.hold\\" 1 → 3')
    expect(log).toContain('needs a restart to take effect: dispatch.lease_ms')
    configure('limits.handlers."e2e.hold" = 5\nlimits.languages.cobol = 1')
    worker.kill('SIGHUP')
    await eventually('it is refused', () => log.includes('the configuration was not reloaded'))
    expect(log).toContain('unknown language')
    release()
    await eventually('three others run, under the limit from before', () => runningNow() === 3)
    expect(worker.exitCode).toBeNull()
    worker.kill('SIGTERM')
    release()
    const stillRuns = setInterval(release, 20)
    const [code] = await once(worker, 'exit')
    clearInterval(stillRuns)
    expect(code).toBe(0)
  }, 90_000)

  it('is not needed with --reload: the file is watched', async () => {
    configure('limits.handlers."e2e.hold" = 1')
    await startWorker('--reload')
    await submit(3)
    await eventually('one runs', () => runningNow() === 1)
    configure('limits.handlers."e2e.hold" = 2')
    await eventually('two run', () => runningNow() === 2)
    release()
  }, 90_000)
})
