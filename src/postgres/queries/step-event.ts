// The shape of a step transition's metadata. Source: wire-protocol §2.3.

/**
 * SQL for the `metadata` of a step transition: `event` is a string that holds JSON, the time is RFC 3339.
 * `event` is an SQL expression of type text; `extra` further key/value pairs for `jsonb_build_object`.
 */
export function stepEventMetadata(event: string, extra: string): string {
  return `jsonb_build_object('event', ${event}, 'timestamp', ${nowRfc3339}, ${extra})`
}

/** SQL: the current time as RFC 3339 text. Every connection is in UTC. */
export const nowRfc3339 = `to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`

/** The same, worked out once for all rows of a statement. */
export const nowOnce = `(SELECT ${nowRfc3339})`

/** SQL: the transition `w` is closed, whatever its state. The index of the waits for a retry that go on knows by it which are over, since no index may name `most_recent`. */
export const closesWhatWaits = `most_recent = false, updated_at = now(),
         metadata = CASE WHEN w.to_state = 'waiting_for_retry' THEN coalesce(w.metadata, '{}') || '{"waited": true}' ELSE w.metadata END`

/** SQL: the wait for a retry in `row` may go on. */
export const isWaiting = (row: string) =>
  `${row}.most_recent AND ${row}.to_state = 'waiting_for_retry' AND (${row}.metadata ? 'waited') IS NOT TRUE`

/** SQL for the transitions that took a step back from a dead worker, since an operator last reopened it. `step` is an SQL expression. */
export function recoveriesOf(step: string): string {
  return `
  SELECT r.metadata, r.sort_key
    FROM tasker.workflow_step_transitions r
   WHERE r.workflow_step_uuid = ${step} AND r.metadata ? 'recovered_from'
     AND r.sort_key > coalesce((SELECT max(o.sort_key) FROM tasker.workflow_step_transitions o
                                 WHERE o.workflow_step_uuid = ${step} AND o.from_state = 'error'), -1)`
}
