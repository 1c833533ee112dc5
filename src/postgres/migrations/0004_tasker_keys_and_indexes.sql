-- Keys of schema tasker: primary, unique and foreign keys, and the few further indexes, each with the query that needs it.

ALTER TABLE tasker.task_namespaces ADD CONSTRAINT task_namespaces_pkey PRIMARY KEY (task_namespace_uuid);
ALTER TABLE tasker.named_tasks ADD CONSTRAINT named_tasks_pkey PRIMARY KEY (named_task_uuid);
ALTER TABLE tasker.named_steps ADD CONSTRAINT named_steps_pkey PRIMARY KEY (named_step_uuid);
ALTER TABLE tasker.named_tasks_named_steps ADD CONSTRAINT named_tasks_named_steps_pkey PRIMARY KEY (ntns_uuid);
ALTER TABLE tasker.tasks ADD CONSTRAINT tasks_pkey PRIMARY KEY (task_uuid);
ALTER TABLE tasker.workflow_steps ADD CONSTRAINT workflow_steps_pkey PRIMARY KEY (workflow_step_uuid);
ALTER TABLE tasker.workflow_step_edges ADD CONSTRAINT workflow_step_edges_pkey PRIMARY KEY (workflow_step_edge_uuid);
ALTER TABLE tasker.task_transitions ADD CONSTRAINT task_transitions_pkey PRIMARY KEY (task_transition_uuid);
ALTER TABLE tasker.workflow_step_transitions
  ADD CONSTRAINT workflow_step_transitions_pkey PRIMARY KEY (workflow_step_transition_uuid);
ALTER TABLE tasker.workflow_step_result_audit
  ADD CONSTRAINT workflow_step_result_audit_pkey PRIMARY KEY (workflow_step_result_audit_uuid);
ALTER TABLE tasker.tasks_dlq ADD CONSTRAINT tasks_dlq_pkey PRIMARY KEY (dlq_entry_uuid);

ALTER TABLE tasker.task_namespaces ADD CONSTRAINT task_namespaces_name_unique UNIQUE (name);
ALTER TABLE tasker.named_tasks
  ADD CONSTRAINT named_tasks_namespace_name_version_unique UNIQUE (task_namespace_uuid, name, version);
ALTER TABLE tasker.named_steps ADD CONSTRAINT named_steps_name_unique UNIQUE (name);
-- Its leading column also finds all steps of a task.
ALTER TABLE tasker.workflow_steps ADD CONSTRAINT workflow_steps_task_named_step_unique UNIQUE (task_uuid, named_step_uuid);
-- Its leading column also finds the children of a step.
ALTER TABLE tasker.workflow_step_edges
  ADD CONSTRAINT workflow_step_edges_from_to_name_unique UNIQUE (from_step_uuid, to_step_uuid, name);
ALTER TABLE tasker.workflow_step_result_audit
  ADD CONSTRAINT workflow_step_result_audit_step_transition_unique UNIQUE (workflow_step_uuid, workflow_step_transition_uuid);

CREATE UNIQUE INDEX idx_tasks_identity_hash ON tasker.tasks (identity_hash);
-- One current state per task and per step: the arbiter of every race between writers, and the way to the current state.
CREATE UNIQUE INDEX idx_task_transitions_uuid_most_recent
  ON tasker.task_transitions (task_uuid, most_recent) WHERE most_recent = true;
CREATE UNIQUE INDEX idx_workflow_step_transitions_uuid_most_recent
  ON tasker.workflow_step_transitions (workflow_step_uuid, most_recent) WHERE most_recent = true;
CREATE UNIQUE INDEX idx_dlq_unique_pending_task ON tasker.tasks_dlq (task_uuid) WHERE resolution_status = 'pending';

ALTER TABLE tasker.named_tasks ADD CONSTRAINT named_tasks_task_namespace_uuid_fkey
  FOREIGN KEY (task_namespace_uuid) REFERENCES tasker.task_namespaces (task_namespace_uuid);
ALTER TABLE tasker.named_tasks_named_steps ADD CONSTRAINT named_tasks_named_steps_named_task_uuid_fkey
  FOREIGN KEY (named_task_uuid) REFERENCES tasker.named_tasks (named_task_uuid);
ALTER TABLE tasker.named_tasks_named_steps ADD CONSTRAINT named_tasks_named_steps_named_step_uuid_fkey
  FOREIGN KEY (named_step_uuid) REFERENCES tasker.named_steps (named_step_uuid);
ALTER TABLE tasker.tasks ADD CONSTRAINT tasks_named_task_uuid_fkey
  FOREIGN KEY (named_task_uuid) REFERENCES tasker.named_tasks (named_task_uuid);
ALTER TABLE tasker.workflow_steps ADD CONSTRAINT workflow_steps_task_uuid_fkey
  FOREIGN KEY (task_uuid) REFERENCES tasker.tasks (task_uuid);
ALTER TABLE tasker.workflow_steps ADD CONSTRAINT workflow_steps_named_step_uuid_fkey
  FOREIGN KEY (named_step_uuid) REFERENCES tasker.named_steps (named_step_uuid);
ALTER TABLE tasker.workflow_step_edges ADD CONSTRAINT workflow_step_edges_from_step_uuid_fkey
  FOREIGN KEY (from_step_uuid) REFERENCES tasker.workflow_steps (workflow_step_uuid);
ALTER TABLE tasker.workflow_step_edges ADD CONSTRAINT workflow_step_edges_to_step_uuid_fkey
  FOREIGN KEY (to_step_uuid) REFERENCES tasker.workflow_steps (workflow_step_uuid);
ALTER TABLE tasker.task_transitions ADD CONSTRAINT task_transitions_task_uuid_fkey
  FOREIGN KEY (task_uuid) REFERENCES tasker.tasks (task_uuid);
ALTER TABLE tasker.workflow_step_transitions ADD CONSTRAINT workflow_step_transitions_workflow_step_uuid_fkey
  FOREIGN KEY (workflow_step_uuid) REFERENCES tasker.workflow_steps (workflow_step_uuid);
ALTER TABLE tasker.workflow_step_result_audit ADD CONSTRAINT workflow_step_result_audit_workflow_step_uuid_fkey
  FOREIGN KEY (workflow_step_uuid) REFERENCES tasker.workflow_steps (workflow_step_uuid);
ALTER TABLE tasker.workflow_step_result_audit ADD CONSTRAINT workflow_step_result_audit_workflow_step_transition_uuid_fkey
  FOREIGN KEY (workflow_step_transition_uuid) REFERENCES tasker.workflow_step_transitions (workflow_step_transition_uuid);
ALTER TABLE tasker.workflow_step_result_audit ADD CONSTRAINT workflow_step_result_audit_task_uuid_fkey
  FOREIGN KEY (task_uuid) REFERENCES tasker.tasks (task_uuid);
ALTER TABLE tasker.tasks_dlq ADD CONSTRAINT tasks_dlq_task_uuid_fkey
  FOREIGN KEY (task_uuid) REFERENCES tasker.tasks (task_uuid);

-- Readiness and hydration walk from a step to its parents.
CREATE INDEX idx_workflow_step_edges_to_step ON tasker.workflow_step_edges (to_step_uuid);

-- The history of a step: a worker that lost an answer looks there for its own completion, and Tasker's writers ask for
-- the highest sort_key before each transition.
CREATE INDEX idx_workflow_step_transitions_uuid_sort_key ON tasker.workflow_step_transitions (workflow_step_uuid, sort_key);

-- Readiness asks every step of a task for its last failure. Hardly any step has one, so this index is almost empty and
-- costs nothing where nothing fails; without it each question reads the whole history of the step.
CREATE INDEX idx_workflow_step_transitions_failures
  ON tasker.workflow_step_transitions (workflow_step_uuid, created_at) WHERE to_state = 'error';

-- The steps a worker holds: asked once per lease by each worker and for every worker that died. An index on
-- workflow_steps WHERE in_process would answer it too, but would end HOT updates there; a transition that ceases to be
-- the most recent one can never be updated HOT anyhow.
CREATE INDEX idx_workflow_step_transitions_held_by_worker
  ON tasker.workflow_step_transitions ((metadata ->> 'worker_uuid')) WHERE most_recent AND to_state = 'in_progress';

-- The tasks that are not done, for the readiness poller and the staleness detector. Finished tasks keep a most recent
-- row for ever; without this index each poll would read them all.
CREATE INDEX idx_task_transitions_unfinished ON tasker.task_transitions (task_uuid)
  WHERE most_recent AND to_state NOT IN ('complete', 'error', 'cancelled', 'resolved_manually');

-- The steps that wait for a retry: the orchestrator asks all the time which one is due next. Only a retry pays for it.
CREATE INDEX idx_workflow_step_transitions_waiting_for_retry
  ON tasker.workflow_step_transitions (workflow_step_uuid) WHERE most_recent AND to_state = 'waiting_for_retry';

-- No index lists the steps in state enqueued, which every step enters: a worker finds a step through its message, and
-- whoever looks for steps that lost their message starts from the unfinished tasks.
