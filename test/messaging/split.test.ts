// pgmq in a database of its own, as `stephost migrate` makes it: nothing of the steps is there, nothing of the queues here.
import { expect, it } from 'vitest'
import type { StepMessage } from '../../src/model/step-message.ts'
import { Database } from '../../src/postgres/database.ts'
import { migrateQueues, requireQueueSchema } from '../../src/postgres/migrate-queues.ts'
import { PgmqSender } from '../../src/postgres/pgmq-sender.ts'
import { createQueues } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { exerciseTransport } from './transport-conformance.ts'
import { splitDatabase, TransportRig } from './transport-rig.ts'

exerciseTransport({
  name: 'split pgmq',
  open: () => TransportRig.open(() => splitDatabase(migrateQueues)),
  sendsInside: false,
})

it('makes the queue database once, keeps what is there, and says what a database lacks', async () => {
  const { url, drop } = await createTestDatabase({ empty: true })
  const database = new Database({ url, applicationName: 'queue test', connectionsMax: 2, acquireTimeoutMs: 10_000 })
  await database.start()
  try {
    await expect(requireQueueSchema(database)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: 'The queue database lacks schema pgmq, function tasker.pgmq_send_with_notify',
    })
    expect(await migrateQueues(database)).toEqual(['0002_pgmq.sql', '0005_tasker_functions_queues.sql'])
    expect(await migrateQueues(database)).toEqual([])
    await requireQueueSchema(database)
  } finally {
    await database.stop()
    await drop()
  }
})

it('sends the messages of all other queues where one takes none, and makes a queue that is missing', async () => {
  const { url, drop } = await createTestDatabase({ empty: true })
  const database = new Database({ url, applicationName: 'queue test', connectionsMax: 2, acquireTimeoutMs: 10_000 })
  await database.start()
  try {
    await migrateQueues(database)
    await createQueues(database, ['shop', 'broken'])
    await database.query({ text: 'ALTER TABLE pgmq.q_worker_broken_queue RENAME COLUMN message TO other' })
    const ids = { taskId: 'task', stepId: 'step', correlationId: 'correlation' }
    const names = ['worker_shop_queue', 'worker_broken_queue', 'worker_new_queue']
    const messages = names.map((queue) => ({ queue, ...ids })) as unknown as readonly StepMessage[]
    const refused = await new PgmqSender(database).send(messages)
    expect(refused).toMatchObject([{ message: messages[1], error: { code: 'DATABASE_FAULT' } }])
    const counts = await database.query<{ shop: number; made: number }>({
      text: 'SELECT (SELECT count(*)::int FROM pgmq.q_worker_shop_queue) AS shop, (SELECT count(*)::int FROM pgmq.q_worker_new_queue) AS made',
    })
    expect(counts).toEqual([{ shop: 1, made: 1 }])
  } finally {
    await database.stop()
    await drop()
  }
})
