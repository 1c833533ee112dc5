// Server-sent events of a task over real HTTP: everything, live, once and to the end; what is cut off goes on where it was.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { TaskEvents } from '../../src/orchestration/task-events.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { transitionReads } from '../../src/postgres/queries/orchestration/read-transitions.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
let events: TaskEvents
let server: RestServer
const faults: unknown[] = []

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } }), sketch('twins', { a: {}, b: {} })])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  events = new TaskEvents({
    reads: transitionReads(bench.database),
    onFault: (error) => faults.push(error),
    watchersMax: 3,
  })
  await events.start()
  server = serve(1_000)
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await events.stop()
  await bench.close()
  expect(faults).toEqual([])
})

function serve(stopGraceMs: number): RestServer {
  return orchestratorRest({
    ...{ port: 0, tasks: orchestrator, reads: orchestrationReads(bench.database), events, health: orchestrator },
    ...{ facts: {}, onFault: (error) => faults.push(error), heartbeatMs: 20, stopGraceMs },
  })
}

interface Heard {
  readonly id: string
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  readonly data: any
}

interface Stream {
  readonly heard: Heard[]
  readonly comments: string[]
  readonly done: Promise<void>
  cut(): void
}

async function listen(taskId: string, options: { lastEventId?: string; from?: RestServer } = {}): Promise<Stream> {
  const life = new AbortController()
  onTestFinished(() => life.abort())
  const { lastEventId, from = server } = options
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await fetch(`${from.address}/v1/tasks/${taskId}/events`, { headers, signal: life.signal })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const heard: Heard[] = []
  const comments: string[] = []
  const read = async () => {
    let rest = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        if (part.startsWith(':')) comments.push(part)
        else {
          const [id = '', event = '', data = ''] = part.split('\n').map((line) => line.slice(line.indexOf(': ') + 2))
          heard.push({ id, event, data: JSON.parse(data) })
        }
      }
    }
  }
  return { heard, comments, done: read().catch(() => {}), cut: () => life.abort() }
}

const moves = (heard: readonly Heard[]) =>
  heard.map(({ event, data }) =>
    event === 'end' ? `end ${data.state}` : `${data.step_name ?? 'task'} ${data.to_state}`,
  )

async function finish(taskId: string): Promise<void> {
  const settled = async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
  await bench.worker.workUntil(settled, () => ({ success: true }))
}

function claim(stepId: string) {
  const text = `
WITH old AS (
  UPDATE tasker.workflow_step_transitions SET most_recent = false, updated_at = now()
   WHERE workflow_step_uuid = $1 AND most_recent AND to_state = 'enqueued' RETURNING sort_key
)
INSERT INTO tasker.workflow_step_transitions
  (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT $1, 'in_progress', 'enqueued', '{}', sort_key + 1, true, now(), now() FROM old`
  return { text, values: [stepId] }
}

/** Written, and not committed before it is told to. */
async function heldClaim(stepId: string): Promise<{ commit(): Promise<void> }> {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let committed: Promise<void> = Promise.resolve()
  await new Promise<void>((written) => {
    committed = bench.database.transaction(async (q) => {
      await q.query(claim(stepId))
      written()
      await released
    })
  })
  return {
    commit: () => {
      release()
      return committed
    },
  }
}

async function stored(taskId: string): Promise<readonly unknown[]> {
  const rows = await bench.rows(
    `SELECT workflow_step_transition_uuid AS id FROM tasker.workflow_step_transitions JOIN tasker.workflow_steps USING (workflow_step_uuid)
      WHERE task_uuid = $1 UNION ALL SELECT task_transition_uuid FROM tasker.task_transitions WHERE task_uuid = $1 ORDER BY 1`,
    taskId,
  )
  return rows.map(({ id }) => id)
}

describe('GET /v1/tasks/{uuid}/events', () => {
  it('tells of every transition, those of the past first, and ends with the task', async () => {
    const { taskId } = await orchestrator.createTask(request('pair'))
    const stream = await listen(taskId)
    await eventually('the past is told', () => moves(stream.heard).includes('one enqueued'))
    await finish(taskId)
    await stream.done
    const told = moves(stream.heard)
    expect(told.at(-1)).toBe('end complete')
    expect(
      stream.heard
        .slice(0, -1)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(await stored(taskId))
    const ofOne = told.filter((move) => move.startsWith('one '))
    expect(ofOne).toEqual(
      ['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'complete'].map((s) => `one ${s}`),
    )
    expect(told.filter((move) => move.startsWith('task ')).at(-1)).toBe('task complete')
    expect(stream.heard.find(({ event }) => event === 'step')?.data).toEqual({
      ...{ task_uuid: taskId, step_uuid: expect.any(String), step_name: expect.any(String) },
      ...{ from_state: null, to_state: 'pending', at: expect.stringMatching(/Z$/) },
    })
  })

  it('goes on after the last event, also with what was committed late, and tells a client that knows all to stop', async () => {
    const { taskId, steps } = await orchestrator.createTask(request('twins'))
    const [a, b] = steps.map(({ stepId }) => stepId)
    const first = await listen(taskId)
    // The id of the held claim is made before that of the other, and its transaction commits after the client has heard the other.
    const held = await heldClaim(a ?? '')
    await bench.database.transaction((q) => q.query(claim(b ?? '')))
    await eventually('the other claim is told', () => moves(first.heard).includes('b in_progress'))
    expect(moves(first.heard)).not.toContain('a in_progress')
    first.cut()
    await first.done
    await held.commit()
    const lastEventId = first.heard.at(-1)?.id ?? ''
    const second = await listen(taskId, { lastEventId })
    for (const stepId of [a, b]) {
      await bench.worker.complete({ stepId: stepId ?? '', taskId, name: '', attempts: 1 }, { success: true })
    }
    await finish(taskId)
    await second.done
    expect(moves(second.heard)).toContain('a in_progress')
    expect(second.heard.map(({ id }) => id)).not.toContain(lastEventId)
    const all = new Set([...first.heard, ...second.heard].map(({ id }) => id))
    for (const id of await stored(taskId)) expect(all).toContain(id)
    const url = `${server.address}/v1/tasks/${taskId}/events`
    const end = second.heard.at(-1)?.id ?? ''
    expect((await fetch(url, { headers: { 'last-event-id': end } })).status).toBe(204)
    const strange = await listen(taskId, { lastEventId: 'what?' })
    await strange.done
    expect(strange.heard.length).toBe((await stored(taskId)).length + 1)
  })

  it('bounds the watchers, and forgets those that went away', async () => {
    const { taskId } = await orchestrator.createTask(request('pair'))
    const streams = await Promise.all([listen(taskId), listen(taskId), listen(taskId)])
    const url = `${server.address}/v1/tasks/${taskId}/events`
    const refused = await fetch(url)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await refused.json()).toMatchObject({ error: { code: 'BACKPRESSURE', retry_after_seconds: 5 } })
    for (const stream of streams) stream.cut()
    await eventually('there is room again', async () => {
      const response = await fetch(url)
      await response.body?.cancel()
      return response.status === 200
    })
    await finish(taskId)
  })

  it('sends comments while nothing happens, and ends its streams when the server stops', async () => {
    const { taskId } = await orchestrator.createTask(request('pair'))
    // Longer than the test may take: the streams end because they are ended.
    const own = serve(60_000)
    await own.start()
    const stream = await listen(taskId, { from: own })
    await eventually('a comment came', () => stream.comments.length > 0)
    await own.stop()
    await stream.done
    expect(moves(stream.heard)).not.toContain('end complete')
    await finish(taskId)
  })

  it('answers for what is not there', async () => {
    const get = async (path: string) => (await fetch(`${server.address}/v1/tasks/${path}/events`)).json()
    expect(await get('17')).toMatchObject({ error: { code: 'INVALID_UUID' } })
    expect(await get('00000000-0000-7000-8000-000000000000')).toMatchObject({ error: { code: 'NOT_FOUND' } })
  })
})
