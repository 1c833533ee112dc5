// Steps of a Rust library that end the process they run in: two workers die with them, the third runs them alone in a child process and lives.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { configText } from '../chaos/chaos-work.ts'
import { HostProcess } from '../chaos/host-process.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { ask, reaches, submit } from './flow-project.ts'

/** Longer than two workers and their leases take, on a machine that runs other tests beside them. */
const endMs = 60_000

const template = (name: string, callable: string) => `name: ${name}
namespace_name: poison
version: 1.0.0
steps:
  - name: work
    handler: { callable: ${callable} }
    retry: { max_attempts: 9, backoff: none }
`

let db: OpenDatabase
let directory: string
const hosts: HostProcess[] = []
beforeEach(async () => {
  db = await openTestDatabase()
  directory = mkdtempSync(join(tmpdir(), 'stephost-poison-'))
  const handlers = join(directory, 'handlers')
  mkdirSync(handlers)
  copyFileSync('target/release/libconformance.so', join(handlers, 'shop.so'))
  writeFileSync(join(handlers, 'deadly.yaml'), template('deadly', 'conformance.abort'))
  writeFileSync(join(handlers, 'plain.yaml'), template('plain', 'conformance.noop'))
  writeFileSync(join(directory, 'poison.toml'), configText('Hybrid'))
}, 60_000)
afterEach(async () => {
  for (const host of hosts) host.signalAll('SIGKILL')
  await Promise.all(hosts.splice(0).map((host) => host.ended))
  await db.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

function start(command: 'worker' | 'orchestrator'): HostProcess {
  const host = new HostProcess({
    ...{ command, databaseUrl: db.url, handlers: join(directory, 'handlers'), logFile: join(directory, 'hosts.log') },
    ...{ configFile: join(directory, 'poison.toml'), dataDir: join(directory, `data-${hosts.length}`) },
  })
  hosts.push(host)
  return host
}

async function stepOf(address: string, task: string) {
  const [step] = (await ask(address, 'GET', `tasks/${task}/workflow_steps`)).body
  return step
}

it('the one that goes on killing fails as worker_lost, the one that stops is done, and other steps lose nothing', async () => {
  const address = (await start('orchestrator').ready) ?? ''
  const deadly = await submit(address, 'deadly', { times: 99 }, 'poison')
  const mended = await submit(address, 'deadly', { times: 2 }, 'poison')
  // One claim takes both, so the same workers die with both.
  const waiting = `count(*)::int FROM pgmq.q_worker_poison_queue`
  await eventually('both wait', async () => (await db.value(`(SELECT ${waiting})`)) === 2)
  for (let nth = 0; nth < 2; nth += 1) expect(await start('worker').ended).toBe('SIGABRT')

  const third = start('worker')
  expect(await third.ready).not.toBeNull()
  const plain = await Promise.all([1, 2, 3].map((n) => submit(address, 'plain', { n }, 'poison')))
  const failed = async () => (await stepOf(address, deadly)).current_state === 'error'
  await eventually('the step that goes on killing has failed', failed, endMs)
  await reaches(address, mended, 'complete', endMs)
  for (const task of plain) {
    await reaches(address, task, 'complete', endMs)
    expect(await stepOf(address, task)).toMatchObject({ attempts: 1, current_state: 'complete' })
  }

  const lost = await stepOf(address, deadly)
  expect(lost).toMatchObject({ attempts: 3, current_state: 'error' })
  expect(lost.results.error).toMatchObject({
    ...{ error_type: 'worker_lost', retryable: false, message: expect.stringContaining('SIGABRT') },
    context: { callable: 'conformance.abort', attempts: 3, max_attempts: 9 },
  })
  const dead = await db.rows<{ id: string; host: string }>(
    'SELECT worker_uuid::text AS id, host FROM stephost.workers WHERE declared_dead_at IS NOT NULL ORDER BY started_at',
  )
  expect(dead).toHaveLength(2)
  expect(lost.results.error.context.workers).toMatchObject(dead.map(({ id, host }) => ({ worker_uuid: id, host })))

  const done = await stepOf(address, mended)
  expect(done).toMatchObject({ attempts: 3, current_state: 'complete' })
  expect(done.results.result.process).not.toBe(third.pid)
  await eventually('its child processes have ended', () => third.descendants('guest').length === 0)
  expect(third.hasEnded).toBe(false)
  third.signal('SIGTERM')
  expect(await third.ended).toBe('exit code 0')
}, 240_000)
