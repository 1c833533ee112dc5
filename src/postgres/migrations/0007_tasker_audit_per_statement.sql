-- The audit rows of all results of one statement in one go, instead of a call for each: results are stored many at a time.

DROP TRIGGER trg_step_result_audit ON tasker.workflow_step_transitions;
DROP FUNCTION tasker.create_step_result_audit();

-- The event is text that should hold JSON: Tasker wraps the result as {"type","data"}, others write it bare, so each value is looked for in
-- data first and then at the top. A transition of stephost carries a claim_token and says the time beside the event, so nothing has to be
-- read there. Nothing may fail the insert of the transition: what cannot be read becomes NULL, and an unknown success is told from the state.
CREATE FUNCTION tasker.create_step_result_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tasker.workflow_step_result_audit (
    workflow_step_uuid, workflow_step_transition_uuid, task_uuid, worker_uuid, correlation_id, success, execution_time_ms)
  SELECT a.workflow_step_uuid, a.workflow_step_transition_uuid, s.task_uuid,
         CASE WHEN pg_input_is_valid(a.metadata ->> 'worker_uuid', 'uuid') THEN (a.metadata ->> 'worker_uuid')::uuid END,
         CASE WHEN pg_input_is_valid(a.metadata ->> 'correlation_id', 'uuid') THEN (a.metadata ->> 'correlation_id')::uuid END,
         CASE WHEN jsonb_typeof(found.success) = 'boolean' THEN found.success::boolean
              ELSE a.to_state = 'enqueued_for_orchestration' END,
         CASE WHEN jsonb_typeof(found.elapsed) = 'number' THEN
           CASE WHEN found.elapsed::numeric BETWEEN 0 AND 9223372036854775807 THEN trunc(found.elapsed::numeric)::bigint END END
    FROM added a
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = a.workflow_step_uuid
   CROSS JOIN LATERAL (
     SELECT CASE WHEN a.metadata ? 'claim_token' THEN NULL
                 WHEN pg_input_is_valid(a.metadata ->> 'event', 'jsonb') THEN (a.metadata ->> 'event')::jsonb END AS event
   ) AS told
   CROSS JOIN LATERAL (
     SELECT CASE WHEN jsonb_typeof(told.event -> 'data') = 'object' THEN told.event -> 'data' ELSE told.event END AS result
   ) AS heard
   CROSS JOIN LATERAL (
     SELECT coalesce(heard.result -> 'success', told.event -> 'success') AS success,
            coalesce(a.metadata -> 'execution_time_ms', heard.result -> 'metadata' -> 'execution_time_ms',
                     heard.result -> 'execution_time_ms', told.event -> 'execution_time_ms') AS elapsed
   ) AS found
   WHERE a.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration');
  RETURN NULL;
END
$$;

CREATE TRIGGER trg_step_result_audit AFTER INSERT ON tasker.workflow_step_transitions
  REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION tasker.create_step_result_audit();
