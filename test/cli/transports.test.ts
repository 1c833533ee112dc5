// Transports as the command line meets them: what is refused with which words, and a worker whose queues are in a database of their own.
import { describe, expect, it } from 'vitest'
import { resultQueue } from '../../src/model/step-message.ts'
import { Database } from '../../src/postgres/database.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { sendToPgmq, serveStep } from '../fixtures/tasker-server.ts'
import { echoProject, startWorkerProcess } from '../messaging/worker-process.ts'
import { project, stephost } from './stephost.ts'

const nobody = 'amqp://guest:guest@127.0.0.1:1/%2F'
const rabbitmq = { TASKER_MESSAGING_BACKEND: 'rabbitmq', RABBITMQ_URL: nobody }

async function opened(url: string): Promise<Database> {
  const database = new Database({ url, applicationName: 'server', connectionsMax: 2, acquireTimeoutMs: 5_000 })
  await database.start()
  return database
}

describe('transports on the command line', () => {
  it.each([
    ['dev', rabbitmq, /common\.queues\.backend = "rabbitmq" .*is for `stephost worker` beside Tasker's server/],
    ['orchestrator', rabbitmq, /common\.queues\.backend = "rabbitmq" .*is for `stephost worker`/],
    [
      'orchestrator',
      { PGMQ_DATABASE_URL: 'postgresql://127.0.0.1:1/queues' },
      /common\.pgmq_database\.url .*is for `stephost worker`/,
    ],
    [
      'dev',
      { PGMQ_DATABASE_URL: 'postgresql://127.0.0.1:1/queues' },
      /common\.pgmq_database\.url .*is for `stephost worker`/,
    ],
  ])('refuses %s where the embedded orchestrator cannot reach the queues: %o', async (command, env, words) => {
    const directory = project(echoProject)
    const more = { DATABASE_URL: 'postgresql://127.0.0.1:1/steps', ...env }
    const { code, stderr } = await stephost([command, '--handlers', directory], { env: more })
    expect(stderr).toMatch(words)
    expect(stderr).toContain('(CONFIG_INVALID)')
    expect(code).toBe(2)
  })

  it('ends with 3 and a hint when the broker is away at the start', async () => {
    const { url, drop } = await createTestDatabase()
    const directory = project(echoProject)
    const { code, stderr } = await stephost(['worker', '--handlers', directory], {
      env: { DATABASE_URL: url, ...rabbitmq },
    })
    expect(stderr).toMatch(
      /error: RabbitMQ at 127\.0\.0\.1:1 cannot be reached: nothing listens there \(ECONNREFUSED\) \(BROKER_UNREACHABLE\)/,
    )
    expect(stderr).toContain('hint: Check that RabbitMQ runs and that RABBITMQ_URL names it.')
    expect(code).toBe(3)
    await drop()
  })

  it('runs steps whose messages are in a database of their own, which migrate makes', async () => {
    const [main, other] = [await createTestDatabase(), await createTestDatabase({ empty: true })]
    const env = { DATABASE_URL: main.url, PGMQ_DATABASE_URL: other.url }
    const directory = project(echoProject)
    const refused = await stephost(['worker', '--handlers', directory], { env })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toMatch(
      /The queue database lacks schema pgmq.*\(SCHEMA_MISSING\)\nhint: Run `stephost migrate`/,
    )
    const { code, stdout } = await stephost(['migrate', '--json'], { env })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      applied: [],
      queueDatabase: { applied: ['0002_pgmq.sql', '0005_tasker_functions_queues.sql'] },
    })
    const [steps, queues] = [await opened(main.url), await opened(other.url)]
    // Nothing of the queues may be looked for beside the steps.
    await steps.query({ text: 'DROP SCHEMA pgmq CASCADE' })
    const worker = await startWorkerProcess(directory, env)
    const task = { namespace: 'shop', name: 'job', step: 'echo', context: { order: 7 } }
    const { stepId } = await serveStep(steps, task, (queue, body) => sendToPgmq(queues, queue, body))
    const told = await eventually('the result is told', async () => {
      const text = `SELECT message ->> 'step_uuid' AS step FROM pgmq.q_${resultQueue}`
      return (await queues.query<{ step: string }>({ text }))[0]?.step ?? null
    })
    expect(told).toBe(stepId)
    const text = `SELECT results -> 'result' ->> 'order' AS result FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`
    expect(await steps.query({ text, values: [stepId] })).toEqual([{ result: '7' }])
    const health = await (await fetch(`${worker.address}/health/detailed`)).json()
    expect(health).toMatchObject({
      checks: { event_system: { status: 'healthy' }, queue_processing: { status: 'healthy' } },
    })
    expect(await worker.stop()).toBe(0)
    await Promise.all([steps.stop(), queues.stop()])
    await Promise.all([main.drop(), other.drop()])
  }, 60_000)
})
