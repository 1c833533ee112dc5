// Stores how far a running step has come: what its next attempt goes on from.

import type { ClaimToken } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { CheckpointAck } from '../../model/runtime-adapter.ts'
import type { Queryable } from '../statement.ts'
import { nowRfc3339 } from './step-event.ts'

interface AnswerRow {
  status: 'stored' | 'not_json' | 'bad_shape' | 'refused'
  reason: string | null
}

const sentences = {
  bad_shape:
    'The checkpoint must be an object with a "cursor" and with "items_processed", an integer that is not negative.',
  refused: 'The step is not this claim’s any more; its checkpoint was not stored.',
} as const

/** Rejects with a HostError only when it is unknown whether the checkpoint was stored. */
export async function storeCheckpoint(database: Queryable, token: ClaimToken, data: JsonText): Promise<CheckpointAck> {
  const [row] = await database.query<AnswerRow>({
    name: 'store-checkpoint',
    text: checkpointText,
    values: [token, data],
  })
  if (row?.status === 'stored') return { stored: true, message: null }
  if (row?.status === 'not_json') {
    return { stored: false, message: `The database cannot store the checkpoint: ${row.reason ?? 'no reason given'}` }
  }
  return { stored: false, message: sentences[row?.status ?? 'refused'] }
}

/**
 * The history shows people how a step moved along. Nothing reads it to go on, and it grows with every yield of a step that may run for hours,
 * so the row keeps its newest entries only: each update writes all of them anew.
 */
const historyEntriesMax = 100
/** UTF-8 bytes of those entries: a cursor may be any document. */
const historyBytesMax = 65_536

/**
 * The stored shape is Tasker's (wire-protocol §6.3). Compare-and-set on the claim's transition. The data is judged before any cast, and
 * what was stored before may have been written by anybody, so its history is taken only where it is an array.
 */
const checkpointText = `
WITH given AS MATERIALIZED (
  SELECT $1::uuid AS token, $2::text AS text, CASE WHEN pg_input_is_valid($2::text, 'jsonb') THEN $2::text::jsonb END AS data,
         ${nowRfc3339} AS at
), judged AS MATERIALIZED (
  SELECT *, CASE WHEN data IS NULL THEN 'not_json'
                 WHEN jsonb_typeof(data) <> 'object' OR NOT data ? 'cursor'
                      OR jsonb_typeof(data -> 'items_processed') IS DISTINCT FROM 'number'
                      OR NOT pg_input_is_valid(data ->> 'items_processed', 'int8')
                      OR data ->> 'items_processed' LIKE '-%' THEN 'bad_shape' END AS problem
    FROM given
), mine AS MATERIALIZED (
  SELECT t.workflow_step_uuid AS step_uuid
    FROM judged j
    JOIN tasker.workflow_step_transitions t ON t.workflow_step_transition_uuid = j.token
   WHERE j.problem IS NULL AND t.most_recent AND t.to_state = 'in_progress'
     FOR UPDATE OF t
), stored AS (
  UPDATE tasker.workflow_steps s
     SET checkpoint = jsonb_build_object(
           'cursor', j.data -> 'cursor', 'items_processed', j.data -> 'items_processed', 'timestamp', j.at,
           'accumulated_results', j.data -> 'accumulated_results',
           'history', (
             SELECT coalesce(jsonb_agg(kept.entry ORDER BY kept.place), '[]')
               FROM (SELECT h.entry, h.place, sum(octet_length(h.entry::text)) OVER (ORDER BY h.place DESC) AS bytes
                       FROM jsonb_array_elements(
                              CASE WHEN jsonb_typeof(s.checkpoint -> 'history') = 'array' THEN s.checkpoint -> 'history' ELSE '[]' END
                              || jsonb_build_array(jsonb_build_object('cursor', j.data -> 'cursor', 'timestamp', j.at))
                            ) WITH ORDINALITY AS h(entry, place)
                      ORDER BY h.place DESC LIMIT ${historyEntriesMax}) kept
              WHERE kept.bytes <= ${historyBytesMax})),
         updated_at = now()
    FROM mine m, judged j
   WHERE s.workflow_step_uuid = m.step_uuid
  RETURNING s.workflow_step_uuid
)
SELECT coalesce(j.problem, CASE WHEN EXISTS (SELECT FROM stored) THEN 'stored' ELSE 'refused' END) AS status,
       CASE WHEN j.problem = 'not_json' THEN (SELECT i.message FROM pg_input_error_info(j.text, 'jsonb') i) END AS reason
  FROM judged j`
