// Whole workflows over REST with real handlers: orchestrator and worker as two processes, and as one.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { ask, type FlowProject, openFlowProject, reaches, stepsOf, submit } from './flow-project.ts'

describe.each([
  { processes: 'an orchestrator and a worker', commands: ['orchestrator', 'worker'] as const },
  { processes: 'both in one process', commands: ['dev'] as const },
])('$processes', ({ commands }) => {
  let project: FlowProject
  let address = ''
  let context: { directory: string }

  beforeAll(async () => {
    project = await openFlowProject()
    context = { directory: project.directory }
    const started = await Promise.all(commands.map((command) => project.start(command)))
    address = started[0]?.address ?? ''
  }, 60_000)
  afterAll(() => project.close())

  it('run the branches of a decision and their convergence, told of as they happen', async () => {
    const taskId = await submit(address, 'choosing', { ...context, branches: ['left', 'right'] })
    const stream = await fetch(`${address}/v1/tasks/${taskId}/events`)
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    // It ends with the task.
    const told = [...(await stream.text()).matchAll(/^data: (.*)$/gm)].map(([, data = '{}']) => JSON.parse(data))
    expect(told.at(-1)).toMatchObject({ state: 'complete' })
    const moves = told.map(({ step_name: name, to_state: state }) => `${name ?? 'task'} ${state}`)
    for (const [before, after] of [
      ['begin complete', 'choose enqueued'],
      ['choose complete', 'left enqueued'],
      ['choose complete', 'right enqueued'],
      ['left complete', 'meet enqueued'],
      ['right complete', 'meet enqueued'],
    ] as const) {
      expect(moves).toContain(before)
      expect(moves.indexOf(after), `${after} in ${moves}`).toBeGreaterThan(moves.indexOf(before))
    }
    const steps = await stepsOf(address, taskId)
    expect(Object.keys(steps).toSorted()).toEqual(['begin', 'choose', 'left', 'meet', 'right'])
    expect(steps['meet']?.results?.result).toEqual({ parents: ['begin', 'choose', 'left', 'right'] })
  })

  it('resume a worker of a batch from its checkpoint after a retryable failure', async () => {
    const taskId = await submit(address, 'batch', { ...context, rows: 20 })
    await reaches(address, taskId, 'complete')
    const steps = await stepsOf(address, taskId)
    expect(Object.values(steps).map(({ name, attempts }) => [name, attempts])).toEqual(
      expect.arrayContaining([
        ['split', 1],
        ['rows_001', 2],
        ['rows_002', 1],
        ['merge', 1],
      ]),
    )
    expect(steps['merge']?.results?.result).toMatchObject({ total: 190 })
    expect(project.lines('rows').filter((line) => line.startsWith('001'))).toEqual([
      ...['001 from 0 attempt 1', '001 from 5 attempt 1', '001 from 5 attempt 2'],
    ])
  })

  it('tell the handlers of a cancelled task to stop, and stop the one that does not listen', async () => {
    const taskId = await submit(address, 'holding', context)
    await eventually('both run', () => project.lines('hold').length > 0 && project.lines('deaf').length > 0)
    expect(await ask(address, 'DELETE', `tasks/${taskId}`)).toMatchObject({ status: 200, body: { task_uuid: taskId } })
    await eventually('it was told', () => project.lines('hold').includes('told'))
    await eventually('the deaf one is gone', async () => {
      const before = project.lines('deaf').length
      await delay(200)
      return project.lines('deaf').length === before
    })
    await reaches(address, taskId, 'cancelled')
    const steps = Object.values(await stepsOf(address, taskId))
    expect(steps.map(({ current_state }) => current_state)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect((await ask(address, 'DELETE', `tasks/${taskId}`)).status).toBe(400)
  })

  it('run a failed step again when an operator resets it, and what is behind it', async () => {
    const taskId = await submit(address, 'mending', context)
    await reaches(address, taskId, 'blocked_by_failures')
    const { mend } = await stepsOf(address, taskId)
    expect(mend).toMatchObject({ current_state: 'error', attempts: 1 })
    writeFileSync(join(project.directory, 'mended'), '')
    const action = { action_type: 'reset_for_retry', reason: 'mended', reset_by: 'somebody' }
    const path = `tasks/${taskId}/workflow_steps/${mend?.step_uuid}`
    expect((await ask(address, 'PATCH', path, action)).status).toBe(200)
    await reaches(address, taskId, 'complete')
    expect((await stepsOf(address, taskId))['mend']?.results?.result).toEqual({ mended: true })
    // A finished step stays as it is.
    const refused = await ask(address, 'PATCH', path, action)
    expect([refused.status, refused.body.error.code]).toEqual([400, 'BAD_REQUEST'])
  })
})
