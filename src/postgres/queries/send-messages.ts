// Sends step messages to pgmq queues outside any other statement, each with its notification.

import { type StepMessage, stepMessageBody } from '../../model/step-message.ts'
import type { Queryable } from '../statement.ts'

export async function sendMessages(database: Queryable, messages: readonly StepMessage[]): Promise<void> {
  await database.query({
    name: 'send-messages',
    text: `
SELECT tasker.pgmq_send_with_notify(m.queue, m.body::jsonb, 0)
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS m(queue, body, place) ORDER BY m.place`,
    values: [messages.map(({ queue }) => queue), messages.map(stepMessageBody)],
  })
}

/** Of the given steps: those that no message of the queue names, hidden ones included. A queue that is missing has none, and cannot take any. */
export async function withoutMessage(
  database: Queryable,
  queue: string,
  messages: readonly StepMessage[],
): Promise<readonly StepMessage[]> {
  const table = queue.toLowerCase()
  const [found] = await database.query<{ exists: boolean }>({
    name: 'queue-exists',
    text: 'SELECT EXISTS (SELECT FROM pgmq.meta WHERE lower(queue_name) = $1::text) AS exists',
    values: [table],
  })
  if (found?.exists !== true || !/^\w+$/.test(table)) return []
  const rows = await database.query<{ step: string }>({
    name: `without-message:${table}`,
    text: `
SELECT s.step FROM unnest($1::text[]) AS s(step)
 WHERE NOT EXISTS (SELECT FROM pgmq."q_${table}" q WHERE q.message ->> 'step_uuid' = s.step)`,
    values: [messages.map(({ stepId }) => stepId)],
  })
  const lonely = new Set(rows.map(({ step }) => step))
  return messages.filter(({ stepId }) => lonely.has(stepId))
}

/** A queue that exists stays as it is. */
export async function createQueue(database: Queryable, queue: string): Promise<void> {
  await database.query({ text: 'SELECT pgmq.create($1::text)', values: [queue] })
}
