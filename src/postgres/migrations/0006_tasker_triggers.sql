-- Triggers of schema tasker: the audit row of a step result, the notification of a new queue, updated_at of the dead letter table.

-- The event is text that should hold JSON: Tasker wraps the result as {"type","data"}, others write it bare, so each value
-- is looked for in data first and then at the top. Nothing in it may fail the insert of the transition: what cannot be
-- read becomes NULL, and an unknown success is told from the state. Each cast stands behind an IF of its own, because the
-- planner may compute the cast of a constant in a branch of CASE that is never taken.
CREATE FUNCTION tasker.create_step_result_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  event_text text := NEW.metadata ->> 'event';
  worker_text text := NEW.metadata ->> 'worker_uuid';
  correlation_text text := NEW.metadata ->> 'correlation_id';
  event jsonb;
  result jsonb;
  elapsed jsonb;
  found_success jsonb;
  audit tasker.workflow_step_result_audit;
BEGIN
  IF pg_input_is_valid(event_text, 'jsonb') THEN
    event := event_text::jsonb;
  END IF;
  result := CASE WHEN jsonb_typeof(event -> 'data') = 'object' THEN event -> 'data' ELSE event END;
  found_success := coalesce(result -> 'success', event -> 'success');
  elapsed := coalesce(result -> 'metadata' -> 'execution_time_ms', result -> 'execution_time_ms', event -> 'execution_time_ms');

  audit.success := NEW.to_state = 'enqueued_for_orchestration';
  IF jsonb_typeof(found_success) = 'boolean' THEN
    audit.success := found_success::boolean;
  END IF;
  IF jsonb_typeof(elapsed) = 'number' THEN
    IF elapsed::numeric BETWEEN 0 AND 9223372036854775807 THEN
      audit.execution_time_ms := trunc(elapsed::numeric);
    END IF;
  END IF;
  IF pg_input_is_valid(worker_text, 'uuid') THEN
    audit.worker_uuid := worker_text;
  END IF;
  IF pg_input_is_valid(correlation_text, 'uuid') THEN
    audit.correlation_id := correlation_text;
  END IF;

  INSERT INTO tasker.workflow_step_result_audit (
    workflow_step_uuid, workflow_step_transition_uuid, task_uuid, worker_uuid, correlation_id, success, execution_time_ms)
  SELECT NEW.workflow_step_uuid, NEW.workflow_step_transition_uuid, s.task_uuid,
         audit.worker_uuid, audit.correlation_id, audit.success, audit.execution_time_ms
    FROM tasker.workflow_steps s
   WHERE s.workflow_step_uuid = NEW.workflow_step_uuid;
  RETURN NULL;
END
$$;

CREATE TRIGGER trg_step_result_audit AFTER INSERT ON tasker.workflow_step_transitions
  FOR EACH ROW WHEN (NEW.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration'))
  EXECUTE FUNCTION tasker.create_step_result_audit();

CREATE FUNCTION tasker.pgmq_notify_queue_created() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('pgmq_queue_created', json_build_object(
    'event_type', 'queue_created', 'queue_name', NEW.queue_name,
    'namespace', tasker.extract_queue_namespace(NEW.queue_name), 'created_at', NEW.created_at)::text);
  RETURN NULL;
END
$$;

CREATE TRIGGER pgmq_queue_created_trigger AFTER INSERT ON pgmq.meta
  FOR EACH ROW EXECUTE FUNCTION tasker.pgmq_notify_queue_created();

CREATE FUNCTION tasker.update_dlq_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER update_dlq_updated_at BEFORE UPDATE ON tasker.tasks_dlq
  FOR EACH ROW EXECUTE FUNCTION tasker.update_dlq_updated_at();
