-- Functions of schema tasker that find the next task to work on and change the state of a task or a step's backoff.

-- NULL for a task that has no transition yet.
CREATE FUNCTION tasker.get_current_task_state(input_task_uuid uuid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.to_state::text FROM tasker.task_transitions t WHERE t.task_uuid = input_task_uuid AND t.most_recent = true;
END;

-- In its first hour a task gains a tenth of a point per hour, then its priority decays by e every 12 hours; after a day
-- every task has 0.1.
CREATE FUNCTION tasker.calculate_task_priority(priority integer, created_at timestamp) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (CASE
            WHEN age.hours < 1 THEN priority + 0.1 * age.hours
            WHEN age.hours < 24 THEN priority * exp(-age.hours / 12)
            ELSE 0.1
          END)::numeric
    FROM (SELECT extract(epoch FROM now()::timestamp - created_at)::double precision / 3600 AS hours) AS age;
END;

-- One row for a task in whatever state it is.
CREATE FUNCTION tasker.get_task_ready_info(input_task_uuid uuid)
RETURNS TABLE (
  task_uuid uuid, task_name varchar, priority integer, namespace_name varchar, ready_steps_count bigint,
  computed_priority numeric, current_state varchar)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT k.task_uuid, nt.name, k.priority, ns.name, c.ready_steps,
         tasker.calculate_task_priority(k.priority, k.created_at), c.status::varchar
    FROM tasker.tasks k
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
    JOIN tasker.get_task_execution_context(input_task_uuid) c ON c.task_uuid = k.task_uuid
   WHERE k.task_uuid = input_task_uuid;
END;

-- Pending tasks, and waiting tasks with a ready step, by computed priority, then oldest first. How long a task has waited
-- plays no role: a retry that is due after two hours is due. Each task is locked until the transaction ends and tasks
-- locked by others are passed over, so two callers never get the same one. Waiting tasks are examined one by one, and only
-- until enough are found.
CREATE FUNCTION tasker.get_next_ready_tasks(limit_count integer DEFAULT 5)
RETURNS TABLE (
  task_uuid uuid, task_name varchar, priority integer, namespace_name varchar, ready_steps_count bigint,
  computed_priority numeric, current_state varchar)
LANGUAGE plpgsql AS $$
DECLARE
  candidate record;
  found_count integer := 0;
BEGIN
  FOR candidate IN
    SELECT k.task_uuid, t.task_transition_uuid, t.to_state
      FROM tasker.task_transitions t JOIN tasker.tasks k ON k.task_uuid = t.task_uuid
     WHERE t.most_recent AND t.to_state IN ('pending', 'waiting_for_dependencies', 'waiting_for_retry') AND NOT k.complete
     ORDER BY tasker.calculate_task_priority(k.priority, k.created_at) DESC, k.created_at, k.task_uuid
  LOOP
    EXIT WHEN found_count >= limit_count;
    CONTINUE WHEN candidate.to_state <> 'pending' AND NOT EXISTS (
      SELECT FROM tasker.get_task_execution_context(candidate.task_uuid) c WHERE c.execution_status = 'has_ready_steps');
    PERFORM FROM tasker.tasks k WHERE k.task_uuid = candidate.task_uuid FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    -- The lock may have been free because another caller had just moved the task on.
    CONTINUE WHEN NOT EXISTS (
      SELECT FROM tasker.task_transitions t
       WHERE t.task_transition_uuid = candidate.task_transition_uuid AND t.most_recent);
    RETURN QUERY SELECT * FROM tasker.get_task_ready_info(candidate.task_uuid);
    found_count := found_count + 1;
  END LOOP;
END
$$;

CREATE FUNCTION tasker.get_next_ready_task()
RETURNS TABLE (
  task_uuid uuid, task_name varchar, priority integer, namespace_name varchar, ready_steps_count bigint,
  computed_priority numeric, current_state varchar)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT r.task_uuid, r.task_name, r.priority, r.namespace_name, r.ready_steps_count, r.computed_priority, r.current_state
    FROM tasker.get_next_ready_tasks(1) r;
END;

-- Compare and set: false, and nothing written, when the task is not in from_state. The metadata goes into both metadata
-- columns, because Tasker reads the one in some places and the other elsewhere.
CREATE FUNCTION tasker.transition_task_state_atomic(
  p_task_uuid uuid, p_from_state varchar, p_to_state varchar, p_processor_uuid uuid, p_metadata jsonb DEFAULT '{}'
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  WITH former AS (
    UPDATE tasker.task_transitions t SET most_recent = false, updated_at = now()
     WHERE t.task_uuid = p_task_uuid AND t.most_recent = true AND t.to_state = p_from_state
    RETURNING t.sort_key)
  INSERT INTO tasker.task_transitions (
    task_uuid, to_state, from_state, processor_uuid, metadata, transition_metadata, sort_key, most_recent,
    created_at, updated_at)
  SELECT p_task_uuid, p_to_state, p_from_state, p_processor_uuid, p_metadata, p_metadata, former.sort_key + 1, true, now(), now()
    FROM former;
  RETURN FOUND;
END
$$;

-- The wait starts now; false when there is no such step.
CREATE FUNCTION tasker.set_step_backoff_atomic(p_step_uuid uuid, p_backoff_seconds integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tasker.workflow_steps s
     SET backoff_request_seconds = p_backoff_seconds, last_attempted_at = now(), updated_at = now()
   WHERE s.workflow_step_uuid = p_step_uuid;
  RETURN FOUND;
END
$$;
