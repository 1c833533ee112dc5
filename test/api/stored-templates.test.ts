// Templates that somebody else has stored and whose steps could never run as they are meant: refused over REST and gRPC, until they are corrected.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { namespace } from '../orchestration/orchestration-bench.ts'
import { GrpcStand } from './grpc-stand.ts'

let stand: GrpcStand
let server: RestServer

beforeAll(async () => {
  stand = await GrpcStand.open()
  const { orchestrator, bench, faults } = stand
  server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, health: orchestrator, events: { watch: () => null } },
    ...{ reads: orchestrationReads(bench.database), facts: {}, onFault: (error) => faults.push(error) },
  })
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await stand.close()
  expect(stand.faults).toEqual([])
})

type Steps = Readonly<Record<string, readonly string[]>>

const stored = (steps: readonly (readonly [string, readonly string[]])[]) =>
  JSON.stringify({
    steps: steps.map(([name, dependencies]) => ({
      ...{ name, dependencies, type: 'standard', handler: { callable: 'call' } },
    })),
  })

/** The row as another server writes it; nothing of ours has seen it. */
async function store(name: string, configuration: string): Promise<void> {
  await stand.bench.rows(
    `INSERT INTO tasker.named_tasks (task_namespace_uuid, name, version, configuration, created_at, updated_at)
     SELECT task_namespace_uuid, $2, '1.0.0', $3::jsonb, now(), now() FROM tasker.task_namespaces WHERE name = $1
     ON CONFLICT (task_namespace_uuid, name, version) DO UPDATE SET configuration = excluded.configuration`,
    ...[namespace, name, configuration],
  )
}

const labels = { initiator: 'a', source_system: 'b', reason: 'c' }

async function post(name: string) {
  const body = { ...{ namespace, name, version: '1.0.0', context: {} }, ...labels }
  const response = await fetch(`${server.address}/v1/tasks`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const rowCounts = async () => {
  const [counts] = await stand.bench.rows(
    `SELECT (SELECT count(*) FROM tasker.tasks) AS tasks, (SELECT count(*) FROM tasker.workflow_steps) AS steps,
            (SELECT count(*) FROM pgmq.q_worker_${namespace}_queue) AS messages`,
  )
  return counts
}

const cycle = 'steps wait for each other in a cycle'

it.each<[name: string, steps: Steps, said: string]>([
  ['ring', { a: ['b'], b: ['a'] }, `steps[0]: ${cycle}: a → b → a; remove one of these dependencies`],
  ['half', { s: [], a: ['s', 'b'], b: ['a'] }, `steps[1]: ${cycle}: a → b → a; remove one of these dependencies`],
  ['selfish', { a: ['a'] }, `steps[0]: ${cycle}: a → a; remove one of these dependencies`],
  [
    'ghost',
    { one: [], two: ['onee'] },
    'steps[1]: step "two" depends on "onee", which is no step (did you mean "one"?)',
  ],
])('%s makes no task, and one of its own accord once it is corrected', async (name, steps, said) => {
  await store(name, stored(Object.entries(steps)))
  const before = await rowCounts()
  const message = `The template ${namespace}/${name}@1.0.0 cannot run: ${said}; correct it and register it again`
  const refused = { status: 400, body: { error: { code: 'BAD_REQUEST', message } } }
  expect([await post(name), await post(name)]).toEqual([refused, refused])
  const tasks = await stand.client('TaskService')
  const grpc = await tasks.refused('CreateTask', { namespace, name, version: '1.0.0', ...labels, context: {} })
  expect([grpc.code, grpc.details]).toEqual(['INVALID_ARGUMENT', message])
  expect(await rowCounts()).toEqual(before)
  const chain = Object.keys(steps).map((step, place, names): [string, string[]] => [step, names.slice(0, place)])
  await store(name, stored(chain))
  expect(await post(name)).toMatchObject({
    status: 200,
    body: { status: 'steps_in_process', total_steps: chain.length },
  })
  await store(name, stored(Object.entries(steps)))
  expect(await post(name)).toEqual(refused)
})

it('a dependency that is no text is none of its steps', async () => {
  await store(
    'textless',
    JSON.stringify({ steps: [{ name: 'a', dependencies: [null], handler: { callable: 'call' } }] }),
  )
  expect(await post('textless')).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining('step "a" depends on "null", which is no step') } },
  })
})

it('two steps of one name are refused as well', async () => {
  const twins = ['a', 'b', 'a'].map((name): [string, string[]] => [name, []])
  await store('twins', stored(twins))
  const { status, body } = await post('twins')
  expect([status, JSON.stringify(body)]).toEqual([
    400,
    expect.stringContaining('two steps are named \\"a\\"; rename one'),
  ])
})

it('knows depends_on as another name of dependencies', async () => {
  const step = (name: string, before: string) => ({ name, depends_on: [before], handler: { callable: 'call' } })
  await store('renamed', JSON.stringify({ steps: [step('a', 'b'), { ...step('b', 'a'), dependencies: null }] }))
  expect(await post('renamed')).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining(`${cycle}: a → b → a`) } },
  })
})
