-- Functions of schema tasker that find tasks stuck for too long, put them into the dead letter table and end them.

-- A limit of the template's `lifecycle` goes before the argument; one that is not a whole number is passed over, so that
-- one bad template does not stop the detection for all. An IF and not a CASE, because the planner may compute the cast of
-- a constant in a branch of CASE that is never taken.
CREATE FUNCTION tasker.calculate_staleness_threshold(
  current_state varchar, lifecycle jsonb, waiting_for_dependencies_minutes integer, waiting_for_retry_minutes integer,
  steps_in_process_minutes integer
) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
  own_minutes text := lifecycle ->> ('max_' || current_state || '_minutes');
BEGIN
  IF pg_input_is_valid(own_minutes, 'integer') THEN
    RETURN own_minutes::integer;
  END IF;
  RETURN CASE current_state
    WHEN 'waiting_for_dependencies' THEN waiting_for_dependencies_minutes
    WHEN 'waiting_for_retry' THEN waiting_for_retry_minutes
    WHEN 'steps_in_process' THEN steps_in_process_minutes
  END;
END
$$;

-- Waiting or running tasks that are over the limit of their state or over the lifetime, longest in their state first.
-- A task with a pending entry in the dead letter table is somebody's work already.
CREATE FUNCTION tasker.get_stale_tasks_for_dlq(
  waiting_for_dependencies_minutes integer, waiting_for_retry_minutes integer, steps_in_process_minutes integer,
  max_lifetime_hours integer, batch_size integer)
RETURNS TABLE (
  task_uuid uuid, namespace_name varchar, task_name varchar, current_state varchar, time_in_state_minutes integer,
  threshold_minutes integer, task_age_minutes integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT k.task_uuid, ns.name, nt.name, t.to_state, measured.in_state_minutes, measured.threshold_minutes, measured.age_minutes
    FROM tasker.task_transitions t
    JOIN tasker.tasks k ON k.task_uuid = t.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
    CROSS JOIN LATERAL (
      SELECT floor(extract(epoch FROM now()::timestamp - t.created_at) / 60)::integer AS in_state_minutes,
             floor(extract(epoch FROM now()::timestamp - k.created_at) / 60)::integer AS age_minutes,
             tasker.calculate_staleness_threshold(
               t.to_state, nt.configuration -> 'lifecycle', waiting_for_dependencies_minutes, waiting_for_retry_minutes,
               steps_in_process_minutes) AS threshold_minutes
    ) AS measured
   WHERE t.most_recent AND t.to_state IN ('waiting_for_dependencies', 'waiting_for_retry', 'steps_in_process')
     AND NOT k.complete
     AND (measured.in_state_minutes >= measured.threshold_minutes OR measured.age_minutes > max_lifetime_hours * 60)
     AND NOT EXISTS (SELECT FROM tasker.tasks_dlq d WHERE d.task_uuid = k.task_uuid AND d.resolution_status = 'pending')
   ORDER BY t.created_at, k.task_uuid
   LIMIT batch_size;
END;

-- NULL when the task has a pending entry already, or does not exist.
CREATE FUNCTION tasker.create_dlq_entry(
  p_task_uuid uuid, p_namespace_name varchar, p_task_name varchar, p_current_state varchar,
  p_time_in_state_minutes integer, p_threshold_minutes integer,
  p_dlq_reason tasker.dlq_reason DEFAULT 'staleness_timeout'
) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  entry_uuid uuid;
BEGIN
  INSERT INTO tasker.tasks_dlq (task_uuid, original_state, dlq_reason, task_snapshot, metadata)
  SELECT k.task_uuid, p_current_state, p_dlq_reason,
         jsonb_build_object(
           'task_uuid', k.task_uuid, 'named_task_uuid', k.named_task_uuid, 'namespace', p_namespace_name,
           'task_name', p_task_name, 'current_state', p_current_state, 'priority', k.priority, 'context', k.context,
           'correlation_id', k.correlation_id, 'requested_at', k.requested_at, 'created_at', k.created_at),
         jsonb_build_object(
           'detection_method', 'automatic_staleness', 'time_in_state_minutes', p_time_in_state_minutes,
           'threshold_minutes', p_threshold_minutes)
    FROM tasker.tasks k
   WHERE k.task_uuid = p_task_uuid
  ON CONFLICT (task_uuid) WHERE resolution_status = 'pending' DO NOTHING
  RETURNING dlq_entry_uuid INTO entry_uuid;
  RETURN entry_uuid;
END
$$;

-- Compare and set: false when the task has left the state meanwhile. Its steps and their messages stay as they are.
CREATE FUNCTION tasker.transition_stale_task_to_error(
  p_task_uuid uuid, p_current_state varchar, p_namespace_name varchar, p_task_name varchar
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RETURN tasker.transition_task_state_atomic(p_task_uuid, p_current_state, 'error', NULL, jsonb_build_object(
    'reason', 'staleness_timeout', 'namespace', p_namespace_name, 'task_name', p_task_name));
END
$$;

-- A dry run only reports. The state is changed before the entry is written, so a task that moved on in between gets
-- neither; a task that somebody has locked is being worked on and is left for the next run.
CREATE FUNCTION tasker.detect_and_transition_stale_tasks(
  dry_run boolean DEFAULT true, batch_size integer DEFAULT 100,
  waiting_for_dependencies_minutes integer DEFAULT 60, waiting_for_retry_minutes integer DEFAULT 30,
  steps_in_process_minutes integer DEFAULT 30, max_lifetime_hours integer DEFAULT 24)
RETURNS TABLE (
  task_uuid uuid, namespace_name varchar, task_name varchar, current_state varchar, time_in_state_minutes integer,
  staleness_threshold_minutes integer, action_taken varchar, moved_to_dlq boolean, transition_success boolean)
LANGUAGE plpgsql AS $$
DECLARE
  stale record;
  moved boolean;
  entered boolean;
BEGIN
  FOR stale IN
    SELECT * FROM tasker.get_stale_tasks_for_dlq(
      waiting_for_dependencies_minutes, waiting_for_retry_minutes, steps_in_process_minutes, max_lifetime_hours, batch_size)
  LOOP
    moved := false;
    entered := false;
    IF NOT dry_run THEN
      PERFORM FROM tasker.tasks k WHERE k.task_uuid = stale.task_uuid FOR NO KEY UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
      moved := tasker.transition_stale_task_to_error(
        stale.task_uuid, stale.current_state, stale.namespace_name, stale.task_name);
      CONTINUE WHEN NOT moved;
      entered := tasker.create_dlq_entry(
        stale.task_uuid, stale.namespace_name, stale.task_name, stale.current_state, stale.time_in_state_minutes,
        stale.threshold_minutes) IS NOT NULL;
    END IF;
    RETURN QUERY SELECT
      stale.task_uuid, stale.namespace_name, stale.task_name, stale.current_state, stale.time_in_state_minutes,
      stale.threshold_minutes,
      (CASE WHEN dry_run THEN 'would_transition_to_dlq_and_error' ELSE 'transitioned_to_dlq_and_error' END)::varchar,
      entered, moved;
  END LOOP;
END
$$;
