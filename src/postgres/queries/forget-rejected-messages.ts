// Bounds `stephost.rejected_messages`: people look at what was rejected lately, and a broken sender must not fill the disk.

import type { Queryable } from '../statement.ts'

export interface RejectedMessagesKept {
  readonly rowsMax: number
  readonly daysMax: number
  /** Rows that one call removes at most. */
  readonly removedMax: number
}

export const rejectedMessagesKept: RejectedMessagesKept = { rowsMax: 100_000, daysMax: 30, removedMax: 10_000 }

/** By the key alone, from its low end: it costs nothing where there is nothing to remove. */
export async function forgetRejectedMessages(
  database: Queryable,
  { rowsMax, daysMax, removedMax }: RejectedMessagesKept = rejectedMessagesKept,
): Promise<void> {
  await database.query({
    name: 'forget-rejected-messages',
    text: `
DELETE FROM stephost.rejected_messages
 WHERE rejected_message_id IN (
   SELECT oldest.rejected_message_id
     FROM (SELECT rejected_message_id, rejected_at FROM stephost.rejected_messages ORDER BY rejected_message_id LIMIT $3::int) AS oldest
    WHERE oldest.rejected_message_id <= (SELECT max(rejected_message_id) FROM stephost.rejected_messages) - $1::int
       OR oldest.rejected_at < clock_timestamp() - $2::int * interval '1 day')`,
    values: [rowsMax, daysMax, removedMax],
  })
}
