// A worker process that is to end or was paused: a handler that does not stop, a PostgreSQL that has fallen silent, and what the exit code says.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { type GatedProject, isAlive, openGatedProject } from './gated-project.ts'

let project: GatedProject
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  // First, for connections of the proxy count as left open.
  for (const close of closing.splice(0)) await close()
  await project.close()
}, 60_000)

/** What the worker says, as one text. */
function listenTo(worker: ChildProcess): () => string {
  let text = ''
  worker.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return () => text
}

/** When all that it said has been heard, too. */
async function ends(worker: ChildProcess): Promise<number> {
  const [code] = (await once(worker, 'close')) as [number]
  return code
}

async function completes(taskId: string): Promise<void> {
  const complete = async () => (await project.status(taskId)) === 'complete'
  await eventually('the task is complete', complete, 30_000)
}

/** Takes connections and never says a word. */
async function blackHole(): Promise<{ host: string; port: number }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).resume())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    return once(server.close(), 'close')
  })
  const address = server.address()
  return { host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 }
}

describe('a worker process', () => {
  it('that is to end tells a handler that goes on to stop, kills it, stores that, and ends with 0: nothing is left, though its terminal closes meanwhile', async () => {
    project = await openGatedProject('drain_grace_ms = 300\n')
    project.start('orchestrator')
    const worker = project.start('worker', { log: 'info' })
    const said = listenTo(worker)
    const taskId = await project.submit()
    const sidecar = await project.handlerStarted()
    worker.kill('SIGTERM')
    await eventually('it drains', () => said().includes('no more steps are claimed'))
    worker.kill('SIGHUP')
    expect(await ends(worker)).toBe(0)
    expect(isAlive(sidecar)).toBe(false)
    for (const phase of ['no more steps are claimed', 'told to stop', 'handlers did not stop', 'nothing is left']) {
      expect(said()).toContain(phase)
    }
    project.openGate()
    project.start('worker')
    await completes(taskId)
    expect((await project.steps(taskId)).map(([, attempts]) => attempts)).toEqual([1, 2, 1])
  }, 120_000)

  it('that is to end does not wait for a PostgreSQL that has fallen silent, and ends with 1: a step is left to recovery (field note 26)', async () => {
    project = await openGatedProject()
    const url = new URL(project.databaseUrl)
    const proxy = new TcpProxy({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${await proxy.start()}`
    closing.push(() => proxy.stop())
    project.start('orchestrator')
    const worker = project.start('worker', { log: 'info', databaseUrl: url.href })
    const said = listenTo(worker)
    const taskId = await project.submit()
    const sidecar = await project.handlerStarted()
    proxy.leadTo(await blackHole())
    proxy.silence()
    worker.kill('SIGTERM')
    project.openGate()
    expect(await ends(worker)).toBe(1)
    expect(isAlive(sidecar)).toBe(false)
    expect(said()).toContain('other workers take them back')
    project.start('worker')
    await completes(taskId)
    expect((await project.steps(taskId)).map(([, attempts]) => attempts)).toEqual([1, 2, 1])
  }, 120_000)

  it('in which a promise fails that nobody waits for says so, ends as after a signal, and with 3', async () => {
    project = await openGatedProject('drain_grace_ms = 300\n')
    const defect = join(project.root, '..', 'defect.mjs')
    writeFileSync(defect, `process.on('SIGUSR2', () => void Promise.reject(new Error('nobody waits for this')))`)
    project.start('orchestrator')
    const worker = project.start('worker', { log: 'info', environment: { NODE_OPTIONS: `--import=${defect}` } })
    const said = listenTo(worker)
    await project.submit()
    const sidecar = await project.handlerStarted()
    worker.kill('SIGUSR2')
    expect(await ends(worker)).toBe(3)
    expect(isAlive(sidecar)).toBe(false)
    for (const line of ['nobody waits for this', 'told to stop', 'nothing is left']) expect(said()).toContain(line)
  }, 120_000)

  it('that was paused for longer than its lease judges nobody and lets go of what others took', async () => {
    project = await openGatedProject()
    project.start('orchestrator')
    const paused = project.start('worker', { log: 'info' })
    const said = listenTo(paused)
    const taskId = await project.submit()
    await project.handlerStarted()
    // `bin/stephost` has replaced itself by the host, so this is the host's process id.
    paused.kill('SIGSTOP')
    project.start('worker')
    const taken = async () => (await project.steps(taskId))[1]?.[1] === 2
    await eventually('another worker has the step', taken, 30_000)
    paused.kill('SIGCONT')
    await eventually('it lets go', () => said().includes('it lets go of its steps and registers anew'))
    project.openGate()
    await completes(taskId)
    expect((await project.steps(taskId)).map(([, attempts]) => attempts)).toEqual([1, 2, 1])
    expect(said()).not.toContain('recovered the steps of dead workers')
  }, 120_000)
})
