-- Functions of schema tasker that say which steps are ready and what a task needs next.

-- A requested backoff counts from the last attempt; without one a step that failed waits 2^attempts seconds, at most 60.
CREATE FUNCTION tasker.calculate_step_next_retry_time(
  backoff_request_seconds integer, last_attempted_at timestamp, last_failure_at timestamp, attempts integer
) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN backoff_request_seconds IS NOT NULL AND last_attempted_at IS NOT NULL
    THEN last_attempted_at + make_interval(secs => backoff_request_seconds)
  -- 2^6 is beyond the cap, and 2^attempts overflows for a number of attempts that only a broken row has.
  ELSE last_failure_at + make_interval(secs => least(power(2, least(greatest(coalesce(attempts, 0), 1), 6)), 60))
END;

CREATE FUNCTION tasker.evaluate_step_state_readiness(
  current_state text, processed boolean, in_process boolean, dependencies_satisfied boolean, retry_eligible boolean,
  next_retry_at timestamp
) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_state IN ('pending', 'waiting_for_retry') AND NOT processed AND NOT in_process AND dependencies_satisfied
  AND retry_eligible AND (next_retry_at IS NULL OR next_retry_at <= now()::timestamp);

-- One row per step of the tasks; step_uuids narrows the rows, never the parents that are looked at.
-- A step without a transition is pending.
CREATE FUNCTION tasker.get_step_readiness_status_batch(input_task_uuids uuid[], step_uuids uuid[] DEFAULT NULL)
RETURNS TABLE (
  workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,
  dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean,
  last_failure_at timestamp, next_retry_at timestamp, total_parents integer, completed_parents integer,
  attempts integer, max_attempts integer, backoff_request_seconds integer, last_attempted_at timestamp)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, n.name::text, judged.state,
         judged.satisfied, judged.eligible,
         tasker.evaluate_step_state_readiness(
           judged.state, s.processed, s.in_process, judged.satisfied, judged.eligible, judged.next_retry),
         failure.at, judged.next_retry, parents.total, parents.completed,
         coalesce(s.attempts, 0), coalesce(s.max_attempts, 3), s.backoff_request_seconds, s.last_attempted_at
    FROM tasker.workflow_steps s
    JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
    LEFT JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent = true
    CROSS JOIN LATERAL (
      SELECT count(*)::integer AS total,
             (count(*) FILTER (WHERE p.to_state IN ('complete', 'resolved_manually')))::integer AS completed
        FROM (SELECT DISTINCT e.from_step_uuid FROM tasker.workflow_step_edges e
               WHERE e.to_step_uuid = s.workflow_step_uuid) AS parent
        LEFT JOIN tasker.workflow_step_transitions p
          ON p.workflow_step_uuid = parent.from_step_uuid AND p.most_recent = true
    ) AS parents
    CROSS JOIN LATERAL (
      SELECT max(f.created_at) AS at FROM tasker.workflow_step_transitions f
       WHERE f.workflow_step_uuid = s.workflow_step_uuid AND f.to_state = 'error'
    ) AS failure
    CROSS JOIN LATERAL (
      SELECT coalesce(t.to_state::text, 'pending') AS state,
             parents.completed = parents.total AS satisfied,
             coalesce(s.attempts, 0) = 0
               OR (s.retryable AND coalesce(s.attempts, 0) < coalesce(s.max_attempts, 3)) AS eligible,
             tasker.calculate_step_next_retry_time(
               s.backoff_request_seconds, s.last_attempted_at, failure.at, s.attempts) AS next_retry
    ) AS judged
   WHERE s.task_uuid = ANY (input_task_uuids) AND (step_uuids IS NULL OR s.workflow_step_uuid = ANY (step_uuids))
   ORDER BY s.task_uuid, s.workflow_step_uuid;
END;

CREATE FUNCTION tasker.get_step_readiness_status(input_task_uuid uuid, step_uuids uuid[] DEFAULT NULL)
RETURNS TABLE (
  workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,
  dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean,
  last_failure_at timestamp, next_retry_at timestamp, total_parents integer, completed_parents integer,
  attempts integer, max_attempts integer, backoff_request_seconds integer, last_attempted_at timestamp)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT r.workflow_step_uuid, r.task_uuid, r.named_step_uuid, r.name, r.current_state, r.dependencies_satisfied,
         r.retry_eligible, r.ready_for_execution, r.last_failure_at, r.next_retry_at, r.total_parents, r.completed_parents,
         r.attempts, r.max_attempts, r.backoff_request_seconds, r.last_attempted_at
    FROM tasker.get_step_readiness_status_batch(ARRAY[input_task_uuid], step_uuids) r
   ORDER BY r.workflow_step_uuid;
END;

-- One row per task that exists, in task_uuid order. A step waiting for its retry or cancelled counts in the total alone.
CREATE FUNCTION tasker.get_task_execution_contexts_batch(input_task_uuids uuid[])
RETURNS TABLE (
  task_uuid uuid, named_task_uuid uuid, status text, total_steps bigint, pending_steps bigint, in_progress_steps bigint,
  completed_steps bigint, failed_steps bigint, ready_steps bigint, execution_status text, recommended_action text,
  completion_percentage numeric, health_status text, enqueued_steps bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH counts AS (
    SELECT r.task_uuid,
           count(*) AS total,
           count(*) FILTER (WHERE r.current_state = 'pending') AS pending,
           count(*) FILTER (WHERE r.current_state = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE r.current_state IN ('complete', 'resolved_manually')) AS completed,
           count(*) FILTER (WHERE r.current_state = 'error') AS failed,
           count(*) FILTER (WHERE r.ready_for_execution) AS ready,
           count(*) FILTER (WHERE r.current_state IN (
             'enqueued', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')) AS enqueued
      FROM tasker.get_step_readiness_status_batch(input_task_uuids) r
     GROUP BY r.task_uuid
  ), judged AS (
    SELECT k.task_uuid, k.named_task_uuid, coalesce(t.to_state::text, 'pending') AS status,
           coalesce(c.total, 0) AS total, coalesce(c.pending, 0) AS pending, coalesce(c.in_progress, 0) AS in_progress,
           coalesce(c.completed, 0) AS completed, coalesce(c.failed, 0) AS failed, coalesce(c.ready, 0) AS ready,
           coalesce(c.enqueued, 0) AS enqueued,
           CASE
             WHEN c.failed > 0 THEN 'blocked_by_failures'
             WHEN c.ready > 0 THEN 'has_ready_steps'
             WHEN c.in_progress + c.enqueued > 0 THEN 'processing'
             WHEN c.completed = c.total AND c.total > 0 THEN 'all_complete'
             ELSE 'waiting_for_dependencies'
           END AS execution_status
      FROM tasker.tasks k
      LEFT JOIN tasker.task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent = true
      LEFT JOIN counts c ON c.task_uuid = k.task_uuid
     WHERE k.task_uuid = ANY (input_task_uuids)
  )
  SELECT j.task_uuid, j.named_task_uuid, j.status, j.total, j.pending, j.in_progress, j.completed, j.failed, j.ready,
         j.execution_status,
         CASE j.execution_status
           WHEN 'blocked_by_failures' THEN 'handle_failures'
           WHEN 'has_ready_steps' THEN 'execute_ready_steps'
           WHEN 'processing' THEN 'wait_for_completion'
           WHEN 'all_complete' THEN 'finalize_task'
           ELSE 'wait_for_dependencies'
         END,
         CASE WHEN j.total = 0 THEN 0.00 ELSE round(j.completed * 100.0 / j.total, 2) END,
         CASE WHEN j.failed > 0 THEN 'blocked' ELSE 'healthy' END,
         j.enqueued
    FROM judged j
   ORDER BY j.task_uuid;
END;

CREATE FUNCTION tasker.get_task_execution_context(input_task_uuid uuid)
RETURNS TABLE (
  task_uuid uuid, named_task_uuid uuid, status text, total_steps bigint, pending_steps bigint, in_progress_steps bigint,
  completed_steps bigint, failed_steps bigint, ready_steps bigint, execution_status text, recommended_action text,
  completion_percentage numeric, health_status text, enqueued_steps bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.task_uuid, c.named_task_uuid, c.status, c.total_steps, c.pending_steps, c.in_progress_steps, c.completed_steps,
         c.failed_steps, c.ready_steps, c.execution_status, c.recommended_action, c.completion_percentage,
         c.health_status, c.enqueued_steps
    FROM tasker.get_task_execution_contexts_batch(ARRAY[input_task_uuid]) c;
END;
