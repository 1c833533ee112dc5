-- The completion of stephost writes the audit rows of its own results, in the same statement and from what it knows; the trigger makes
-- those of everybody else's. A transition whose statement wrote the audit row too says so: `audited`. Hosts of before, which may run on for
-- a while, leave it to the trigger; their transitions carry a claim_token and say the time beside the event.

DROP TRIGGER trg_step_result_audit ON tasker.workflow_step_transitions;
DROP FUNCTION tasker.create_step_result_audit();

-- The event is text that should hold JSON: Tasker wraps the result as {"type","data"}, others write it bare, so each value is looked for in
-- data first and then at the top. Nothing may fail the insert of the transition: what cannot be read becomes NULL, and an unknown success
-- is told from the state. Casts stand in a query over a row, where the planner has no constants to cast beforehand.
CREATE FUNCTION tasker.create_step_result_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tasker.workflow_step_result_audit (
    workflow_step_uuid, workflow_step_transition_uuid, task_uuid, worker_uuid, correlation_id, success, execution_time_ms)
  SELECT NEW.workflow_step_uuid, NEW.workflow_step_transition_uuid, s.task_uuid,
         CASE WHEN pg_input_is_valid(NEW.metadata ->> 'worker_uuid', 'uuid') THEN (NEW.metadata ->> 'worker_uuid')::uuid END,
         CASE WHEN pg_input_is_valid(NEW.metadata ->> 'correlation_id', 'uuid') THEN (NEW.metadata ->> 'correlation_id')::uuid END,
         CASE WHEN jsonb_typeof(found.success) = 'boolean' THEN found.success::boolean
              ELSE NEW.to_state = 'enqueued_for_orchestration' END,
         CASE WHEN jsonb_typeof(found.elapsed) = 'number' THEN
           CASE WHEN found.elapsed::numeric BETWEEN 0 AND 9223372036854775807 THEN trunc(found.elapsed::numeric)::bigint END END
    FROM tasker.workflow_steps s
   CROSS JOIN LATERAL (
     SELECT CASE WHEN pg_input_is_valid(NEW.metadata ->> 'event', 'jsonb') THEN (NEW.metadata ->> 'event')::jsonb END AS event
   ) AS told
   CROSS JOIN LATERAL (
     SELECT CASE WHEN jsonb_typeof(told.event -> 'data') = 'object' THEN told.event -> 'data' ELSE told.event END AS result
   ) AS heard
   CROSS JOIN LATERAL (
     SELECT coalesce(heard.result -> 'success', told.event -> 'success') AS success,
            coalesce(NEW.metadata -> 'execution_time_ms', heard.result -> 'metadata' -> 'execution_time_ms',
                     heard.result -> 'execution_time_ms', told.event -> 'execution_time_ms') AS elapsed
   ) AS found
   WHERE s.workflow_step_uuid = NEW.workflow_step_uuid;
  RETURN NULL;
END
$$;

CREATE TRIGGER trg_step_result_audit AFTER INSERT ON tasker.workflow_step_transitions
  FOR EACH ROW
  WHEN (NEW.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')
        AND (NEW.metadata ? 'audited') IS NOT TRUE)
  EXECUTE FUNCTION tasker.create_step_result_audit();

-- An audit row belongs to its transition, that to its step and that to its task: one key holds the chain together, and the two other
-- columns are copies that nobody can write apart from it. Each key costs a look-up and a row lock for every result.
ALTER TABLE tasker.workflow_step_result_audit DROP CONSTRAINT workflow_step_result_audit_workflow_step_uuid_fkey;
ALTER TABLE tasker.workflow_step_result_audit DROP CONSTRAINT workflow_step_result_audit_task_uuid_fkey;
