// What a task is made of, and what is refused: identity, exact numbers, limits, schemas, templates.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isHostError } from '../../src/model/host-error.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskRequest } from '../../src/model/task.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type Bench, namespace, openBench, request, sketch } from './orchestration-bench.ts'

const exact = '{"big":9223372036854775807,"whole":1.0,"tiny":0.1000,"huge":12345678901234567890.5,"text":"ä\\u0001"}'
const stored =
  '{"big": 9223372036854775807, "huge": 12345678901234567890.5, "text": "ä\\u0001", "tiny": 0.1000, "whole": 1.0}'
const inputSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['amount'],
  properties: { amount: { type: 'integer', minimum: 1 }, mail: { type: 'string', format: 'email' } },
}
let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([
    sketch('plain', { only: { initialization: '{"limit":9007199254740993,"rate":2.0}' }, bare: {} }),
    sketch('plain', { newer: {} }, { version: '1.2.0' }),
    sketch('plain', { newest: {} }, { version: '1.10.0' }),
    sketch('checked', { only: {} }, { inputSchema }),
    sketch('strict', { only: {} }, { inputSchema, inputSchemaCheck: 'enforce' }),
    sketch('lenient', { only: {} }, { inputSchema, inputSchemaCheck: 'off' }),
    sketch('odd', { only: {} }, { inputSchema, inputSchemaCheck: 'sometimes' }),
    sketch('batches', { analyze: { type: 'batchable' } }),
    sketch('broken_schema', { only: {} }, { inputSchema: { type: 'no such type' } }),
    sketch('empty', {}),
    sketch('branching', {
      choose: { type: 'standard' },
      decide: { type: 'decision', after: ['choose'] },
      left: { after: ['decide'] },
      meet: { type: 'deferred_convergence', after: ['left'] },
      end: { after: ['meet'] },
    }),
  ])
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())

async function refused(changes: Partial<TaskRequest> & { name?: string }): Promise<string> {
  const { name = 'plain', ...rest } = changes
  return orchestrator.createTask(request(name, rest)).then(
    () => 'created',
    (error: unknown) => (isHostError(error) ? `${error.code}: ${error.message}` : String(error)),
  )
}
const json = (value: unknown) => JSON.stringify(value) as JsonText

describe('a new task', () => {
  it('keeps every number of its context and of its inputs', async () => {
    const task = await orchestrator.createTask(request('plain', { context: exact as JsonText }))
    expect(task.context).toBe(stored)
    const inputs = await bench.rows(
      `SELECT n.name, s.inputs::text FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid) WHERE task_uuid = $1 ORDER BY 1`,
      task.taskId,
    )
    expect(inputs).toEqual([
      { name: 'bare', inputs: null },
      { name: 'only', inputs: '{"rate": 2.0, "limit": 9007199254740993}' },
    ])
  })

  it('carries its labels and its messages the documented three ids', async () => {
    const correlationId = '0198c0de-0000-7000-8000-000000000001'
    const labels = { tags: ['a', 'b'], priority: -(2 ** 31), correlationId, parentCorrelationId: correlationId }
    const task = await orchestrator.createTask(request('plain', { ...labels, context: json({ labels: true }) }))
    expect(task).toMatchObject({
      priority: -(2 ** 31),
      correlationId,
      parentCorrelationId: correlationId,
      tags: '["a", "b"]',
    })
    const messages = await bench.rows(
      `SELECT message FROM pgmq.q_worker_orders_queue WHERE message ->> 'task_uuid' = $1 ORDER BY msg_id`,
      task.taskId,
    )
    expect(messages.map((row) => JSON.parse(String(row['message'])))).toEqual(
      task.steps.map((step) => ({ task_uuid: task.taskId, step_uuid: step.stepId, correlation_id: correlationId })),
    )
    const [event] = await bench.rows(
      `SELECT metadata ->> 'event' AS event, metadata ? 'timestamp' AS timed FROM tasker.workflow_step_transitions
        WHERE workflow_step_uuid = $1 AND to_state = 'enqueued'`,
      task.steps[0]?.stepId,
    )
    expect(event).toEqual({ event: '{"type":"Enqueue"}', timed: true })
  })

  it('is one of its kind: the same context in another spelling is a duplicate, a fresh identity is not', async () => {
    const first = { context: '{"a":1,"b":[true]}' as JsonText, freshIdentity: false }
    expect(await refused(first)).toBe('created')
    expect(await refused({ ...first, context: ' { "b" : [ true ], "a" : 1 } ' as JsonText })).toBe(
      'TASK_DUPLICATE: A task with this identity already exists',
    )
    expect(await refused({ ...first, version: '1.2.0' })).toBe('created')
    const again = await orchestrator.createTask(request('plain', { ...first, freshIdentity: true }))
    expect(again.context).toBe('{"a": 1, "b": [true]}')
    const [row] = await bench.rows('SELECT max(length(identity_hash)) AS longest FROM tasker.tasks')
    expect(Number(row?.['longest'])).toBeLessThanOrEqual(128)
  })

  it('takes the highest version by number when none is named', async () => {
    expect((await orchestrator.createTask(request('plain', { version: null }))).version).toBe('1.10.0')
  })

  it('starts with the steps that no decision and no batch has to make', async () => {
    const task = await orchestrator.createTask(request('branching'))
    expect(task.steps.map((step) => [step.name, step.state])).toEqual([
      ['choose', 'enqueued'],
      ['decide', 'pending'],
    ])
  })

  it('leaves nothing behind when it is refused', async () => {
    const count = async () => (await bench.rows('SELECT count(*)::int AS n FROM tasker.tasks'))[0]?.['n']
    const before = await count()
    expect(await refused({ context: '{"a":"\\u0000"}' as JsonText })).toContain(
      'TASK_INVALID: context cannot be stored',
    )
    expect(await refused({ context: '{"a":1e200000}' as JsonText })).toContain('TASK_INVALID: context cannot be stored')
    expect(await refused({ context: '{"a":"\\ud800"}' as JsonText })).toContain(
      'TASK_INVALID: context cannot be stored',
    )
    expect(await count()).toBe(before)
  })
})

describe('a refused task', () => {
  it('is told which templates exist', async () => {
    const message = await refused({ name: 'plian' })
    expect(message).toContain('TEMPLATE_NOT_FOUND: Task template not found: orders/plian@1.0.0')
    expect(message).toContain('orders/plain@1.10.0')
    expect(await refused({ version: '9.9.9' })).toContain('orders/plain@1.2.0')
    expect(await refused({ namespace: 'nowhere' })).toContain('TEMPLATE_NOT_FOUND')
    expect(await refused({ name: 'empty' })).toBe('TEMPLATE_INVALID: The template orders/empty@1.0.0 has no steps')
  })

  it.each([
    ['{', 'context is not JSON'],
    ['[]', 'context must be a JSON object'],
    ['null', 'context must be a JSON object'],
    ['"text"', 'context must be a JSON object'],
    [`{"a":"${'x'.repeat(10_001)}"}`, 'context.a is a string of more than 10000 bytes'],
    [`{"a":[${Array.from({ length: 1_001 }, () => 0).join()}]}`, 'context.a has more than 1000 members'],
    [`{"a":${'['.repeat(10)}${']'.repeat(10)}}`, 'nested deeper than 10 levels'],
    [`{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`, 'nested deeper than 10 levels'],
    [`{"a":"${'x'.repeat(1_048_576)}"}`, 'at most 1048576 are allowed'],
  ])('is told what is wrong with the context (%.20s)', async (context, said) => {
    const message = await refused({ context: context as JsonText })
    expect(message).toContain('TASK_INVALID')
    expect(message).toContain(said)
  })

  it.each([
    [{ initiator: 'x'.repeat(129) }, 'initiator'],
    [{ reason: 'a\0b' }, 'reason'],
    [{ tags: ['\ud800'] }, 'tags'],
    [{ priority: 2 ** 31 }, 'priority'],
    [{ correlationId: 'abc' }, 'correlation_id'],
    [{ namespace: '' }, 'namespace'],
    [{ version: '' }, 'version'],
    [{ namespace: 'a\0' }, 'namespace'],
  ])('names the field %j', async (changes, field) => {
    expect(await refused(changes)).toContain(`TASK_INVALID: ${field}`)
  })

  it('is refused for its schema only where that is asked for', async () => {
    const bad = { name: 'checked', context: json({ amount: 0, mail: 'nobody' }) }
    const enforced = await refused({ ...bad, inputSchema: 'enforce' })
    expect(enforced).toContain('TASK_INVALID')
    expect(enforced).toContain('context.amount must be >= 1')
    expect(enforced).toContain('minimum')
    expect(enforced).toContain('context.mail must match format "email"')
    expect(bench.warnings).toEqual([])
    expect(await refused({ ...bad, inputSchema: 'off' })).toBe('created')
    expect(bench.warnings).toEqual([])
    expect(await refused({ ...bad, inputSchema: 'warn' })).toBe('created')
    expect(bench.warnings.join()).toContain('context.amount must be >= 1')
    const kept = await bench.rows(
      `SELECT metadata ->> 'warning' AS warning FROM tasker.task_transitions WHERE metadata ? 'warning'`,
    )
    expect(kept).toHaveLength(1)
    expect(kept[0]?.['warning']).toContain('context.amount must be >= 1')
    expect(await refused({ ...bad, context: json({ amount: 3 }), inputSchema: 'enforce' })).toBe('created')
    expect(await refused({ name: 'broken_schema', inputSchema: 'enforce' })).toContain(
      'input_schema of the template cannot be used',
    )
  })
})

describe('what the configuration and the template say', () => {
  it('how a schema is meant: the template before whoever asks for the task', async () => {
    const bad = { context: json({ amount: 0 }) }
    expect(await refused({ ...bad, name: 'strict', inputSchema: 'off' })).toContain('context.amount must be >= 1')
    expect(await refused({ ...bad, name: 'lenient', inputSchema: 'enforce' })).toBe('created')
    // A word that nobody knows says nothing.
    expect(await refused({ ...bad, name: 'odd', inputSchema: 'enforce' })).toContain('context.amount must be >= 1')
    expect(await refused({ ...bad, name: 'odd', inputSchema: 'off' })).toBe('created')
  })

  it('that there are no batches', async () => {
    const without = bench.orchestrator({ outcomeLimits: { batchesEnabled: false } })
    await expect(without.createTask(request('batches'))).rejects.toMatchObject({
      code: 'BATCHES_DISABLED',
      message: expect.stringContaining('"analyze" of the template orders/batches@1.0.0'),
    })
    expect((await without.createTask(request('plain'))).state).toBe('steps_in_process')
    expect(await refused({ name: 'batches' })).toBe('created')
  })
})

describe('registration', () => {
  it('makes the queues first, updates what changed, and can happen many times at once', async () => {
    const template = { ...sketch('again', { a: {} }), namespace: 'other_ns', description: 'first' }
    await Promise.all(
      Array.from({ length: 6 }, () => bench.store.registerTemplates([template, sketch('plain2', { a: {} })])),
    )
    await bench.store.registerTemplates([
      { ...template, description: null, configuration: json({ steps: [{ name: 'b' }] }) },
    ])
    const rows = await bench.rows(
      `SELECT nt.description, nt.identity_strategy, nt.configuration #>> '{steps,0,name}' AS step FROM tasker.named_tasks nt WHERE nt.name = 'again'`,
    )
    expect(rows).toEqual([{ description: 'first', identity_strategy: 'strict', step: 'b' }])
    const queues = await bench.rows(
      `SELECT queue_name FROM pgmq.meta WHERE queue_name ~ 'other_ns|orchestration' ORDER BY 1`,
    )
    expect(queues.map((row) => row['queue_name'])).toEqual([
      'orchestration_step_results',
      'orchestration_task_finalizations',
      'orchestration_task_requests',
      'other_ns_domain_events',
      'other_ns_domain_events_dlq',
      'worker_other_ns_queue',
    ])
  })

  it.each([
    [{ namespace: 'a'.repeat(30) }, 'namespace has more than 29 characters'],
    [{ namespace: 'a-b' }, 'letters, digits and underscores'],
    [{ name: 'a'.repeat(65) }, 'name has more than 64 characters'],
    [{ name: '' }, 'name must not be empty'],
    [{ version: '1'.repeat(17) }, 'version has more than 16 characters'],
  ])('refuses %j', async (changes, said) => {
    await expect(bench.store.registerTemplates([{ ...sketch('x', { a: {} }), ...changes }])).rejects.toMatchObject({
      code: 'TEMPLATE_INVALID',
      message: expect.stringContaining(said),
    })
  })

  it('makes the queue of a namespace that somebody registered without one', async () => {
    await bench.rows(`DROP TABLE pgmq.q_worker_${namespace}_queue, pgmq.a_worker_${namespace}_queue`)
    await bench.rows(`DELETE FROM pgmq.meta WHERE queue_name = 'worker_${namespace}_queue'`)
    const task = await orchestrator.createTask(request('plain'))
    expect((await bench.worker.claim()).map((step) => step.taskId)).toEqual([task.taskId, task.taskId])
  })
})
