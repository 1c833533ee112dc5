// Handlers that do not fit their template fail their steps for good, and only after the template was read anew.

import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { claimedStep, success } from './steps.ts'
import { startWorker } from './workers.ts'

let steps: StepDatabase
let worker: Worker | null = null
beforeEach(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await worker?.stop()
  worker = null
  await steps.close()
})

/** Somebody registers the template again, with one more step. */
async function addStep(name: string): Promise<void> {
  const step = JSON.stringify([{ name, handler: { callable: name } }])
  const text = `UPDATE tasker.named_tasks SET configuration = jsonb_set(configuration, '{steps}', configuration -> 'steps' || $1::jsonb)`
  await steps.database.query({ text, values: [step] })
}

async function outcomeOf(adapter: ScriptedAdapter, before: () => Promise<void> = async () => {}): Promise<unknown> {
  worker = await startWorker(steps, adapter)
  await before()
  const step = await steps.enqueue()
  const stored = await eventually('it has a result', async () => (await steps.row(step)).results)
  return JSON.parse(stored)
}

const mismatch = (words: string) => ({
  success: false,
  metadata: { retryable: false, error_type: 'handler_mismatch' },
  error: { message: expect.stringContaining(words) },
})

it('a declaration that asks for a step that nobody has', async () => {
  const adapter = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
  adapter.announced = [handlerDescriptor('work', { dependsOn: ['wrok'] })]
  expect(await outcomeOf(adapter)).toMatchObject(
    mismatch(
      'Handler "work" (work.py) depends on the step "wrok", which the template does not have (did you mean "work"?)',
    ),
  )
  expect(adapter.calls).toEqual([])
})

it('a declaration that asks for a step that the template got meanwhile', async () => {
  const adapter = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
  adapter.announced = [handlerDescriptor('work', { dependsOn: ['prepare'] })]
  expect(await outcomeOf(adapter, () => addStep('prepare'))).toMatchObject({ success: true })
})

const decides = async ({ stepId }: { stepId: string }): Promise<StepResult> => {
  const document = '{"type":"create_steps","step_names":["approve"]}' as JsonText
  return { ...success(claimedStep(stepId)), outcome: { kind: 'decision', document } } as StepResult
}

it('a decision for a step that nobody has', async () => {
  expect(await outcomeOf(new ScriptedAdapter(decides))).toMatchObject(
    mismatch('Handler "work" (work.py) decides on the step "approve"'),
  )
})

it('a decision for a step that the template got meanwhile', async () => {
  expect(await outcomeOf(new ScriptedAdapter(decides), () => addStep('approve'))).toMatchObject({ success: true })
})
