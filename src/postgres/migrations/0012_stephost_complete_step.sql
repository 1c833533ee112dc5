-- Stores one success as the completing statement of many results does: the same rows, locks and answers. The plans of its small statements
-- are kept by the session, so that one result does not pay for the start of one large plan.

-- `lease_ms`: orchestration hears of the result by a message, and an orchestrator of ours whose heartbeat is younger counts as live; NULL: it
-- hears another way. `judged`: this transaction judges the result itself and stores nothing whose task somebody else holds; `plain_in` is the
-- version of the template, `named_task`, in which the success makes no other steps. `status`: stored, already, refused, busy, invalid (with
-- the reason). Columns always stand behind the name of their table: whatever else that table has or gets, a bare name is one of these.
CREATE FUNCTION stephost.complete_step(
  step uuid, token uuid, task uuid, correlation uuid, result text, custom text, execution_ms bigint, runtime text, worker text, hostname text,
  lease_ms int, judged boolean, named_task uuid, plain_in text,
  OUT status text, OUT reason text, OUT completes boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  version text;
  place int;
  at text;
  envelope jsonb;
  transition uuid;
  message jsonb;
BEGIN
  completes := false;
  IF NOT (pg_input_is_valid(coalesce(result, 'null'), 'jsonb') AND (custom IS NULL OR pg_input_is_valid(custom, 'jsonb'))) THEN
    status := 'invalid';
    reason := (SELECT min(i.message) FROM (VALUES (result), (custom)) AS doc(text), pg_input_error_info(doc.text, 'jsonb') AS i);
    RETURN;
  END IF;

  -- Not waited for, so the order of locks cannot be wrong.
  IF judged THEN
    SELECT (SELECT n.xmin::text FROM tasker.named_tasks n WHERE n.named_task_uuid = named_task) INTO version
      FROM tasker.tasks k WHERE k.task_uuid = task FOR NO KEY UPDATE OF k SKIP LOCKED;
    IF NOT FOUND THEN
      status := 'busy';
      RETURN;
    END IF;
    completes := coalesce(plain_in = version, false);
  END IF;

  -- The state is compared as an expression: the partial index of the steps in progress would lead through all of them.
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
   WHERE t.workflow_step_transition_uuid = token AND t.most_recent AND t.to_state || '' = 'in_progress'
  RETURNING t.sort_key INTO place;
  IF NOT FOUND THEN
    completes := false;
    status := CASE WHEN EXISTS (SELECT FROM tasker.workflow_step_transitions t
                                 WHERE t.workflow_step_uuid = step AND t.metadata ->> 'claim_token' = token::text)
                   THEN 'already' ELSE 'refused' END;
    RETURN;
  END IF;

  at := to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"');
  transition := uuid_generate_v7();
  envelope := jsonb_build_object(
    'step_uuid', step, 'success', true, 'result', result::jsonb, 'status', 'completed',
    'metadata', jsonb_build_object(
      'handler_version', NULL, 'completed_at', at, 'worker_id', 'worker_' || worker, 'worker_hostname', hostname,
      'started_at', NULL, 'retryable', false, 'error_code', NULL, 'error_type', NULL, 'execution_time_ms', execution_ms,
      'context', CASE WHEN runtime IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('runtime', runtime) END,
      'custom', coalesce(custom, '{}')::jsonb),
    'error', NULL, 'orchestration_metadata', NULL);
  -- Both in one statement: each that writes to this table reads its checks and opens its indexes anew.
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT transition, step, 'enqueued_for_orchestration', 'in_progress',
         jsonb_build_object(
           'event', '{"type": "EnqueueForOrchestration", "data": ' || envelope::text || '}', 'timestamp', at, 'worker_uuid', worker,
           'correlation_id', correlation, 'claim_token', token, 'execution_time_ms', execution_ms, 'audited', true),
         place + 1, NOT completes, now(), now()
   UNION ALL
  SELECT uuid_generate_v7(), step, 'complete', 'enqueued_for_orchestration',
         jsonb_build_object('event', '{"type":"Complete","data":null}', 'timestamp', at, 'from_service', 'stephost_orchestrator'),
         place + 2, true, now(), now()
   WHERE completes;

  INSERT INTO tasker.workflow_step_result_audit (
         workflow_step_uuid, workflow_step_transition_uuid, task_uuid, worker_uuid, correlation_id, success, execution_time_ms)
  SELECT step, transition, task, worker::uuid, correlation, true, execution_ms
   WHERE EXISTS (SELECT FROM stephost.migrations m WHERE m.file = '0011_tasker_audit_beside_results.sql');
  UPDATE tasker.workflow_steps s
     SET in_process = false, results = envelope, updated_at = now(),
         processed = s.processed OR completes, processed_at = CASE WHEN completes THEN now() ELSE s.processed_at END
   WHERE s.workflow_step_uuid = step;

  -- Tasker's server handles only messages that it is told of one by one; ours is woken, once per transaction.
  IF lease_ms IS NOT NULL THEN
    message := jsonb_build_object('task_uuid', task, 'step_uuid', step, 'correlation_id', correlation);
    IF EXISTS (SELECT FROM stephost.orchestrators o WHERE o.heartbeat_at > clock_timestamp() - lease_ms * interval '1 ms') THEN
      INSERT INTO pgmq.q_orchestration_step_results (vt, message) VALUES (clock_timestamp(), message);
      PERFORM pg_notify('pgmq_message_ready.orchestration', '{"event_type":"wake_up"}');
    ELSE
      PERFORM tasker.pgmq_send_with_notify('orchestration_step_results', message, 0);
    END IF;
  END IF;
  status := 'stored';
END
$$;
