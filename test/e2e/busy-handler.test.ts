// A handler that keeps its interpreter to itself for longer than the lease costs nobody anything: it is busy, not dead.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type GatedProject, openGatedProject } from './gated-project.ts'

let project: GatedProject
beforeEach(async () => {
  project = await openGatedProject()
  const file = join(project.root, 'slow.py')
  const code = readFileSync(file, 'utf8')
  // The quick handler holds the lock from now on: C code that does not give it back.
  writeFileSync(
    file,
    `import ctypes\n${code.replace('return self.success', 'ctypes.PyDLL(None).sleep(4); return self.success')}`,
  )
}, 60_000)
afterEach(() => project.close(), 60_000)

it('a step that holds the lock for twice the lease runs once, with one attempt (field notes 12, 13 and 14)', async () => {
  project.openGate()
  project.start('orchestrator')
  project.start('worker')
  const taskId = await project.submit()
  await eventually('the task is complete', async () => (await project.status(taskId)) === 'complete', 40_000)
  expect(await project.steps(taskId)).toEqual([
    ['first', 1, 'complete'],
    ['second', 1, 'complete'],
    ['third', 1, 'complete'],
  ])
}, 90_000)
