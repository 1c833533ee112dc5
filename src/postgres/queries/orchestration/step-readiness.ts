// The readiness rule as SQL, in one place: reading, counting and enqueueing must never differ about it.

/**
 * The state of step `s` and the rest of its readiness as one LATERAL row `r`; every step has exactly one. A step without a
 * transition is pending. Source: orchestration-semantics §3.2.
 */
export const stepReadiness = `
CROSS JOIN LATERAL (
  SELECT w.workflow_step_transition_uuid AS transition_uuid, coalesce(w.sort_key, 0) AS sort_key,
         coalesce(w.to_state, 'pending') AS state,
         coalesce(s.attempts, 0) AS attempts, coalesce(s.max_attempts, 3) AS attempts_max,
         coalesce(s.attempts, 0) = 0 OR (s.retryable AND s.attempts < coalesce(s.max_attempts, 3)) AS retry_eligible,
         s.last_attempted_at + make_interval(secs => s.backoff_request_seconds) AS next_retry_at
    FROM (SELECT) one
    LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
) r`

/** SQL: no parent of step `s` is open. */
export const dependenciesSatisfied = `
NOT EXISTS (
  SELECT FROM tasker.workflow_step_edges e
    LEFT JOIN tasker.workflow_step_transitions p ON p.workflow_step_uuid = e.from_step_uuid AND p.most_recent
   WHERE e.to_step_uuid = s.workflow_step_uuid
     AND coalesce(p.to_state, 'pending') NOT IN ('complete', 'resolved_manually'))`

/** SQL: a retry that is not due yet. Without a stored backoff it is due at once. */
const retryDue = `(r.next_retry_at IS NULL OR r.next_retry_at <= now())`

/** SQL: step `s`, in state pending, may be enqueued now. The cheap conditions come first. */
export const readyToEnqueue = `
r.state = 'pending' AND NOT s.processed AND NOT s.in_process AND r.retry_eligible AND ${retryDue}
AND ${dependenciesSatisfied}`

/** SQL: ready in the sense that clients see: a step whose wait is over counts before it is woken. */
export const readyForExecution = readyWhere(dependenciesSatisfied)

/** The same where it is known already, as the SQL `dependencies`, whether a parent is open. */
export function readyWhere(dependencies: string): string {
  return `
r.state IN ('pending', 'waiting_for_retry') AND NOT s.processed AND NOT s.in_process AND r.retry_eligible AND ${retryDue}
AND ${dependencies}`
}

/** SQL: a time of a tasker table as RFC 3339 with microseconds and Z; null stays null. */
export function rfc3339(expression: string): string {
  return `to_char(${expression}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}
