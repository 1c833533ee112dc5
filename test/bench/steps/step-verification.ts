// Proves from the database that every step has one committed result and ran once.
import type { Database } from '../../../src/postgres/database.ts'

interface Counts {
  steps: number
  results: number
  lost: number
  repeated: number
  reruns: number
  failed: number
  failure: string | null
  malformed: number
  unstored: number
}

const counted = `
WITH history AS (
  SELECT t.workflow_step_uuid,
         count(*) FILTER (WHERE t.to_state = 'enqueued_for_orchestration') AS results,
         count(*) FILTER (WHERE t.to_state = 'enqueued_as_error_for_orchestration') AS failures,
         count(*) FILTER (WHERE t.to_state = 'in_progress') AS runs
    FROM tasker.workflow_step_transitions t GROUP BY t.workflow_step_uuid
), invocations AS (
  SELECT s.results #>> '{result,guest}' AS guest, max((s.results #>> '{result,n}')::int) AS made, count(*) AS kept
    FROM tasker.workflow_steps s WHERE s.results #>> '{result,guest}' IS NOT NULL GROUP BY 1
)
SELECT count(*)::int AS steps,
       coalesce(sum(h.results), 0)::int AS results,
       (count(*) FILTER (WHERE h.results = 0 OR s.results IS NULL))::int AS lost,
       (count(*) FILTER (WHERE h.results > 1))::int AS repeated,
       (count(*) FILTER (WHERE h.runs <> 1 OR s.attempts IS DISTINCT FROM 1))::int AS reruns,
       (count(*) FILTER (WHERE h.failures > 0))::int AS failed,
       min(s.results #>> '{error,message}') AS failure,
       (count(*) FILTER (WHERE s.results IS NOT NULL AND (s.results #>> '{result,guest}' IS NULL OR s.results ->> 'success' <> 'true')))::int AS malformed,
       coalesce((SELECT sum(made - kept) FROM invocations), 0)::int AS unstored
  FROM tasker.workflow_steps s JOIN history h USING (workflow_step_uuid)`

/** `recovered`: a worker was killed on purpose, so steps may have run again; still each has one result. */
export async function stepOffences(
  database: Database,
  expected: { readonly count: number; readonly recovered: boolean },
): Promise<readonly string[]> {
  const [row] = await database.query<Counts>({ text: counted })
  if (row === undefined) return ['nothing could be counted']
  const { count, recovered } = expected
  const found: (readonly [wrong: boolean, sentence: string])[] = [
    [row.steps !== count, `${row.steps} steps instead of ${count}`],
    [row.lost > 0, `${row.lost} steps lost their result`],
    [row.repeated > 0, `${row.repeated} steps have more than one committed result`],
    [!recovered && row.failed > 0, `${row.failed} steps failed (${row.failure})`],
    [row.malformed > 0, `${row.malformed} results are not what the handler returned`],
    [!recovered && row.reruns > 0, `${row.reruns} steps ran more than once`],
    [!recovered && row.unstored > 0, `${row.unstored} invocations of handlers have no stored result`],
  ]
  return found.filter(([wrong]) => wrong).map(([, sentence]) => sentence)
}

export async function dropOneResult(database: Database): Promise<void> {
  await database.query({
    text: `UPDATE tasker.workflow_steps SET results = NULL
            WHERE workflow_step_uuid = (SELECT min(workflow_step_uuid::text)::uuid FROM tasker.workflow_steps)`,
  })
}
