-- The states of transitions are checked by functions. PostgreSQL parses and simplifies the text of each CHECK, and of each trigger's WHEN, anew in
-- every statement that writes: two lists of states took two fifths of an INSERT of one row, and a call takes a tenth of that.

CREATE FUNCTION tasker.is_task_state(state varchar) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN state IN (
    'pending', 'initializing', 'enqueuing_steps', 'steps_in_process', 'evaluating_results', 'waiting_for_dependencies',
    'waiting_for_retry', 'blocked_by_failures', 'complete', 'error', 'cancelled', 'resolved_manually');
END
$$;

CREATE FUNCTION tasker.is_step_state(state varchar) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN state IN (
    'pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration',
    'waiting_for_retry', 'complete', 'error', 'cancelled', 'resolved_manually');
END
$$;

-- A result whose statement did not write the audit row.
CREATE FUNCTION tasker.is_unaudited_result(state varchar, metadata jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration') AND (metadata ? 'audited') IS NOT TRUE;
END
$$;

-- Null, which a first transition comes from, passes a CHECK. Every row has passed the same list before, so none is read again: that would take
-- minutes in a large table, with everybody waiting. Transitions of steps first, as results write them.
ALTER TABLE tasker.workflow_step_transitions
  DROP CONSTRAINT chk_workflow_step_transitions_to_state,
  DROP CONSTRAINT chk_workflow_step_transitions_from_state,
  ADD CONSTRAINT chk_workflow_step_transitions_to_state CHECK (tasker.is_step_state(to_state)) NOT VALID,
  ADD CONSTRAINT chk_workflow_step_transitions_from_state CHECK (tasker.is_step_state(from_state)) NOT VALID;
ALTER TABLE tasker.task_transitions
  DROP CONSTRAINT chk_task_transitions_to_state,
  DROP CONSTRAINT chk_task_transitions_from_state,
  ADD CONSTRAINT chk_task_transitions_to_state CHECK (tasker.is_task_state(to_state)) NOT VALID,
  ADD CONSTRAINT chk_task_transitions_from_state CHECK (tasker.is_task_state(from_state)) NOT VALID;

DROP TRIGGER trg_step_result_audit ON tasker.workflow_step_transitions;
CREATE TRIGGER trg_step_result_audit AFTER INSERT ON tasker.workflow_step_transitions
  FOR EACH ROW WHEN (tasker.is_unaudited_result(NEW.to_state, NEW.metadata)) EXECUTE FUNCTION tasker.create_step_result_audit();
