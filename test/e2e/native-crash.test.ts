// A native handler that takes the worker down: nothing is lost in the host's own process, and hardly anything happens in another.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { addonPath } from '../../src/adapters/native/addon.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type GatedProject, openGatedProject } from './gated-project.ts'

let project: GatedProject

beforeEach(async () => {
  project = await openGatedProject()
  copyFileSync(join(dirname(addonPath()), 'c_handlers.node'), join(project.root, 'shop.so'))
  const template = join(project.root, 'slow.yaml')
  writeFileSync(template, readFileSync(template, 'utf8').replace('e2e.gated', 'c.crash_once'))
}, 60_000)
afterEach(() => project.close(), 60_000)

const recovered = [
  ['first', 1, 'complete'],
  ['second', 2, 'complete'],
  ['third', 1, 'complete'],
]

async function completes(taskId: string): Promise<void> {
  await eventually('the task is complete', async () => (await project.status(taskId)) === 'complete', 40_000)
}

async function stop(worker: ChildProcess): Promise<void> {
  worker.kill('SIGTERM')
  await once(worker, 'exit')
}

it('in process: the next worker finishes the task with one attempt more, and says which handler it was', async () => {
  project.start('orchestrator')
  const worker = project.start('worker')
  const taskId = await project.submit()
  expect(await once(worker, 'exit')).toEqual([null, 'SIGSEGV'])
  const next = project.start('worker', { log: 'warn' })
  const said = next.stderr === null ? Promise.resolve('') : text(next.stderr)
  await completes(taskId)
  expect(await project.steps(taskId)).toEqual(recovered)
  await stop(next)
  expect(await said).toContain('crashed (SIGSEGV) in c.crash_once of shop.so')
}, 120_000)

it('in a process of its own: the worker goes on', async () => {
  appendFileSync(join(project.root, '../fast.toml'), '[runtimes.rust]\nisolation = "process"\n')
  project.start('orchestrator')
  const worker = project.start('worker')
  const taskId = await project.submit()
  await completes(taskId)
  expect(await project.steps(taskId)).toEqual(recovered)
  expect(worker.exitCode).toBe(null)
  await stop(worker)
  expect(worker.exitCode).toBe(0)
}, 120_000)
