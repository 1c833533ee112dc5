// Templates are kept between tasks, and yet whoever registers one is obeyed by the next task: the database says when what is kept is out of date.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskRequest } from '../../src/model/task.ts'
import { KeptTemplates } from '../../src/orchestration/kept-templates.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { TaskInitializer } from '../../src/orchestration/task-initializer.ts'
import { type Bench, namespace, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([sketch('changing', { old: {} })])
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())

const stepsOf = async (name: string, changes: Partial<TaskRequest> = {}) =>
  (await orchestrator.createTask(request(name, changes))).steps.map((step) => step.name)
const register = (...templates: Parameters<typeof sketch>[]) =>
  bench.store.registerTemplates(templates.map((one) => sketch(...one)))

it('makes the next task of what was registered last', async () => {
  expect(await stepsOf('changing')).toEqual(['old'])
  await register(['changing', { new: {} }])
  expect(await stepsOf('changing')).toEqual(['new'])
  expect(orchestrator.counts()).toMatchObject({ tasksRequested: 2, tasksCreated: 2, stepsEnqueued: 2 })
})

it('finds a higher version where none is named, and the next lower one when it is gone', async () => {
  await register(['versions', { one: {} }, { version: '1.9.0' }])
  expect(await stepsOf('versions', { version: null })).toEqual(['one'])
  await register(['versions', { ten: {} }, { version: '1.10.0' }])
  expect(await stepsOf('versions', { version: null })).toEqual(['ten'])
  expect(await stepsOf('versions', { version: '1.9.0' })).toEqual(['one'])
  await bench.rows(`UPDATE tasker.named_tasks SET name = 'away' WHERE name = 'versions' AND version = '1.10.0'`)
  expect(await stepsOf('versions', { version: null })).toEqual(['one'])
  await expect(stepsOf('versions', { version: '1.10.0' })).rejects.toMatchObject({ code: 'TEMPLATE_NOT_FOUND' })
})

it('refuses and warns by what is registered now alone', async () => {
  const schema = (required: string) => ({ inputSchema: { type: 'object', required: [required] } })
  const enforced = { inputSchema: 'enforce', context: '{"amount":1}' as JsonText } as const
  await register(['strict', { a: {} }, schema('price')])
  await expect(stepsOf('strict', enforced)).rejects.toMatchObject({ code: 'TASK_INVALID' })
  await register(['strict', { a: {} }, schema('amount')])
  expect(await stepsOf('strict', enforced)).toEqual(['a'])
  await register(['strict', { a: {} }, schema('price')])
  await expect(stepsOf('strict', enforced)).rejects.toMatchObject({ code: 'TASK_INVALID' })
  await register(['strict', { a: {} }, schema('amount')])
  bench.warnings.length = 0
  expect(await stepsOf('strict', { ...enforced, inputSchema: 'warn' })).toEqual(['a'])
  expect(bench.warnings).toEqual([])
})

it('makes every task while the template changes all the time', async () => {
  await register(['busy', { even: {} }])
  let over = false
  const registering = (async () => {
    for (let i = 1; !over; i += 1) await register(['busy', { [i % 2 === 0 ? 'even' : 'odd']: {} }])
  })()
  const made: (readonly string[])[] = []
  try {
    for (let i = 0; i < 10; i += 1) made.push(...(await Promise.all(Array.from({ length: 5 }, () => stepsOf('busy')))))
  } finally {
    over = true
    await registering
  }
  expect(made).toHaveLength(50)
  for (const steps of made) expect([['even'], ['odd']]).toContainEqual(steps)
})

it('reads a template once, however many tasks are made of it', async () => {
  await register(['quiet', { a: {} }])
  let reads = 0
  const initializer = new TaskInitializer({
    store: {
      ...bench.store,
      template: (selection) => {
        reads += 1
        return bench.store.template(selection)
      },
    },
    onWarning: () => {},
  })
  for (let i = 0; i < 5; i += 1) await initializer.create(request('quiet'))
  expect(reads).toBe(1)
})

it('looks once for what is wrong with a revision, however often it is refused', async () => {
  await register(['ring', { a: { after: ['b'] }, b: { after: ['a'] } }])
  let looks = 0
  const kept = new KeptTemplates({
    template: async (selection) => {
      const template = await bench.store.template(selection)
      const steps = template?.steps.map((step) => ({
        ...step,
        get dependencies() {
          looks += 1
          return step.dependencies
        },
      }))
      return template && { ...template, steps: steps ?? [] }
    },
  })
  const looksOf = async () => {
    const before = looks
    expect((await kept.load(request('ring')))?.fault).toMatch(/cycle: (a → b → a|b → a → b);/)
    return looks - before
  }
  const first = await looksOf()
  const second = await looksOf()
  expect(second).toBeLessThan(first)
  await register(['ring', { b: { after: ['a'] }, a: { after: ['b'] } }])
  expect(await looksOf()).toBe(first)
})

it('makes tasks of several namespaces side by side, each in its own queue', async () => {
  const elsewhere = { ...sketch('there', { a: {} }), namespace: 'Elsewhere' }
  await bench.store.registerTemplates([elsewhere, sketch('here', { a: {} })])
  await bench.rows(`TRUNCATE pgmq.q_worker_${namespace}_queue`)
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      orchestrator.createTask(index % 2 === 0 ? request('here') : request('there', { namespace: 'Elsewhere' })),
    ),
  )
  const idsOf = async (queue: string) =>
    (await bench.rows(`SELECT message ->> 'task_uuid' AS id FROM pgmq.${queue}`)).map((row) => row['id']).toSorted()
  const expected = (ns: string) =>
    made
      .filter((task) => task.namespace === ns)
      .map((task) => task.taskId)
      .toSorted()
  expect(await idsOf(`q_worker_${namespace}_queue`)).toEqual(expected(namespace))
  expect(await idsOf('q_worker_elsewhere_queue')).toEqual(expected('Elsewhere'))
})
