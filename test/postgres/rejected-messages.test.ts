// What was rejected is kept for people, and only so much of it.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { forgetRejectedMessages } from '../../src/postgres/queries/forget-rejected-messages.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

async function reject(count: number, ageDays = 0): Promise<void> {
  await database.rows(
    `INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason, rejected_at)
     SELECT 'q', g, '{}', 'test', clock_timestamp() - $2::int * interval '1 day' FROM generate_series(1, $1::int) g`,
    count,
    ageDays,
  )
}

const kept = () => database.value('(SELECT count(*)::int FROM stephost.rejected_messages)')

it('keeps the newest messages, and none beyond its days, a bounded number of rows at a time', async () => {
  const limits = { rowsMax: 50, daysMax: 30, removedMax: 20 }
  await reject(10, 31)
  await reject(30)
  await forgetRejectedMessages(database.database, limits)
  expect(await kept()).toBe(30)
  await reject(60)
  await forgetRejectedMessages(database.database, limits)
  expect(await kept()).toBe(70)
  await forgetRejectedMessages(database.database, limits)
  await forgetRejectedMessages(database.database, limits)
  expect(await kept()).toBe(50)
  await forgetRejectedMessages(database.database, limits)
  expect(await kept()).toBe(50)
})
