// pgmq in a database of its own, as `stephost migrate` makes it: nothing of the steps is there, nothing of the queues here.
import { expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { migrateQueues, requireQueueSchema } from '../../src/postgres/migrate-queues.ts'
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
