// Claims the steps that given messages name, for queues that are not in this database: in split mode and on RabbitMQ.

import type { ClaimRequest } from '../../model/claim-source.ts'
import { lightStepWaits } from '../../model/lanes-after.ts'
import type { JudgedMessages, SeenMessage, Verdict } from '../../model/message-judge.ts'
import type { Queryable } from '../statement.ts'
import { laneRows, nextWeight } from './choose-in-lanes.ts'
import { type ClaimedRow, claimedSteps, isInLanes } from './claim-from-pgmq.ts'
import { judge, take, takeInLanes } from './claim-statement.ts'
import { allClaimedColumns, claimedRows } from './claimed-columns.ts'

interface JudgedRow extends ClaimedRow {
  place: number
  verdict: Verdict
  /** Only where there are limits. */
  next_weight?: number | null
}

export interface GivenMessages {
  readonly namespace: string
  readonly queue: string
  readonly messages: readonly SeenMessage[]
  readonly foreignGraceMs: number
}

export async function claimByIds(
  database: Queryable,
  request: ClaimRequest,
  given: GivenMessages,
): Promise<JudgedMessages> {
  const rows = await database.query<JudgedRow>({
    name: isInLanes(request) ? 'claim-by-ids:lanes' : 'claim-by-ids',
    text: isInLanes(request) ? claimText(takeInLanes('$11'), `${nextWeight}, `) : claimText(take),
    values: [
      request.workerId,
      request.claimId,
      request.free,
      request.prefetch,
      given.messages.map(({ body }) => body),
      request.runnable.map((step) => step.namedTaskId),
      request.runnable.map((step) => step.templateStep),
      given.messages.map(({ number }) => number),
      given.foreignGraceMs,
      given.queue,
      ...(isInLanes(request) ? [laneRows(request, given.namespace)] : []),
    ],
  })
  const verdicts = given.messages.map((): Verdict => 'left')
  for (const { place, verdict } of rows) verdicts[place - 1] = verdict
  const { namespace } = given
  const steps = claimedSteps(rows, request, ({ runnable, recoveries }) => ({ namespace, runnable, recoveries }))
  const waits = lightStepWaits(request, steps, verdicts.includes('left'))
  return { steps, verdicts, nextWeighs: isInLanes(request) ? (rows[0]?.next_weight ?? null) : waits }
}

/**
 * The same judgement as on a queue of this database, on messages that were read elsewhere. A message's age is not known everywhere, so the age of its
 * step in `enqueued` counts. A worker that is declared dead sees nothing, and everything is left.
 */
const claimText = (taking: string, more = '') => `
WITH given AS MATERIALIZED (
  SELECT m.place, m.number, m.body, CASE WHEN pg_input_is_valid(m.body, 'jsonb') THEN m.body::jsonb END AS message
    FROM unnest($5::text[], $8::bigint[]) WITH ORDINALITY AS m(body, number, place)
   WHERE EXISTS (SELECT FROM stephost.workers w WHERE w.worker_uuid = $1::uuid AND w.declared_dead_at IS NULL)
), named AS MATERIALIZED (
  SELECT place,
         CASE WHEN pg_input_is_valid(message ->> 'step_uuid', 'uuid') THEN (message ->> 'step_uuid')::uuid END AS step_uuid
    FROM given
), looked AS MATERIALIZED (
  SELECT n.place AS msg_id, n.step_uuid, e.created_at AS enqueued_at
    FROM named n
    LEFT JOIN tasker.workflow_step_transitions e ON e.workflow_step_uuid = n.step_uuid AND e.most_recent
), ${judge}), ${taking}), rejected AS (
  INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason)
  SELECT $10::text, g.number, coalesce(g.message, to_jsonb(g.body)), 'no valid step_uuid'
    FROM judged j JOIN given g ON g.place = j.msg_id
   WHERE j.verdict = 'malformed'
)
SELECT j.msg_id::int AS place,
       CASE WHEN j.verdict <> 'claim' THEN j.verdict WHEN j.step_uuid IN (SELECT step_uuid FROM chosen) THEN 'claimed' ELSE 'left' END AS verdict,
       ${more}${allClaimedColumns}
  FROM judged j
  LEFT JOIN chosen c ON c.msg_id = j.msg_id${claimedRows}
 ORDER BY c.place`
