// How a worker ends, with orchestrator and worker as real processes: killed, drained, forced. The workflow finishes every time.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type GatedProject, isAlive, openGatedProject } from './gated-project.ts'

let project: GatedProject
let worker: ChildProcess
/** What the worker writes. */
let said = ''
let taskId: string
let sidecar: number

beforeEach(async () => {
  project = await openGatedProject()
  project.start('orchestrator')
  worker = project.start('worker', { log: 'info' })
  said = ''
  worker.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  taskId = await project.submit()
  sidecar = await project.handlerStarted()
}, 100_000)
afterEach(() => project.close(), 60_000)

async function completes(): Promise<void> {
  const complete = async () => (await project.status(taskId)) === 'complete'
  await eventually('the task is complete', complete, 30_000)
}

describe('a worker in the middle of a workflow', () => {
  it('killed with -9: its sidecars end, and the next worker finishes with one attempt more', async () => {
    expect(isAlive(sidecar)).toBe(true)
    worker.kill('SIGKILL')
    await once(worker, 'exit')
    await eventually('the sidecar is gone', () => !isAlive(sidecar), 5_000)
    project.openGate()
    project.start('worker')
    await completes()
    expect(await project.steps(taskId)).toEqual([
      ['first', 1, 'complete'],
      ['second', 2, 'complete'],
      ['third', 1, 'complete'],
    ])
  }, 90_000)

  it('stopped with SIGTERM: the running handler finishes, nothing new is claimed, and it ends with 0', async () => {
    worker.kill('SIGTERM')
    project.openGate()
    const [code] = await once(worker, 'exit')
    expect(code).toBe(0)
    expect(isAlive(sidecar)).toBe(false)
    const second = async () => (await project.steps(taskId))[1]
    await eventually('the second step is complete', async () => (await second())?.[2] === 'complete')
    project.start('worker')
    await completes()
    expect((await project.steps(taskId)).map(([, attempts]) => attempts)).toEqual([1, 1, 1])
  }, 90_000)

  it('forced with a second signal: the handler is stopped, and the step runs again', async () => {
    const exited = once(worker, 'exit')
    worker.kill('SIGTERM')
    // Two signals at once may arrive as one.
    await eventually('it has heard the first', () => said.includes('the same signal again forces it'))
    worker.kill('SIGTERM')
    const [code] = await exited
    expect(code).toBe(143)
    expect(isAlive(sidecar)).toBe(false)
    project.openGate()
    project.start('worker')
    await completes()
    expect((await project.steps(taskId)).map(([, attempts]) => attempts)).toEqual([1, 2, 1])
  }, 90_000)
})
