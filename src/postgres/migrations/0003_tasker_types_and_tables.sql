-- Schema tasker, its enums, its UUIDv7 functions and its tables with columns, defaults and state checks (Tasker 0.1.8).

-- The word uuidv7() below is resolved once, here: PostgreSQL 18 has it built in, 17 gets it in schema public.
SET LOCAL search_path = pg_catalog, public;

CREATE SCHEMA tasker;

DO $migration$
BEGIN
  IF to_regprocedure('uuidv7()') IS NULL THEN
    -- Milliseconds, then the version and twelve bits of the microseconds, so that ids sort by time within a millisecond.
    CREATE FUNCTION public.uuidv7() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    BEGIN ATOMIC
      SELECT (lpad(to_hex(now_us / 1000), 12, '0') || '7' || lpad(to_hex(now_us % 1000 * 4096 / 1000), 3, '0')
              || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
        FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS clock(now_us);
    END;
  END IF;
  IF to_regprocedure('public.uuid_generate_v7()') IS NULL THEN
    CREATE FUNCTION public.uuid_generate_v7() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN uuidv7();
  END IF;
END
$migration$;

CREATE FUNCTION tasker.uuid_generate_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN uuidv7();

CREATE TYPE tasker.identity_strategy AS ENUM ('strict', 'caller_provided', 'always_unique');
CREATE TYPE tasker.dlq_reason AS ENUM (
  'staleness_timeout', 'max_retries_exceeded', 'dependency_cycle_detected', 'worker_unavailable', 'manual_dlq');
CREATE TYPE tasker.dlq_resolution_status AS ENUM ('pending', 'manually_resolved', 'permanently_failed', 'cancelled');

-- All times are naive and mean UTC; created_at and updated_at have no default, so that whoever writes a row states its times.

CREATE TABLE tasker.task_namespaces (
  task_namespace_uuid uuid NOT NULL DEFAULT uuidv7(),
  name varchar(64) NOT NULL,
  description varchar(255),
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE tasker.named_tasks (
  named_task_uuid uuid NOT NULL DEFAULT uuidv7(),
  task_namespace_uuid uuid NOT NULL,
  name varchar(64) NOT NULL,
  description varchar(255),
  version varchar(16) NOT NULL DEFAULT '0.1.0',
  configuration jsonb DEFAULT '{}',
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  identity_strategy tasker.identity_strategy NOT NULL DEFAULT 'strict'
);

CREATE TABLE tasker.named_steps (
  named_step_uuid uuid NOT NULL DEFAULT uuidv7(),
  name varchar(128) NOT NULL,
  description varchar(255),
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE tasker.named_tasks_named_steps (
  ntns_uuid uuid NOT NULL DEFAULT uuidv7(),
  named_task_uuid uuid NOT NULL,
  named_step_uuid uuid NOT NULL,
  default_retryable boolean NOT NULL DEFAULT true,
  default_max_attempts integer NOT NULL DEFAULT 3,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE tasker.tasks (
  task_uuid uuid NOT NULL DEFAULT uuidv7(),
  named_task_uuid uuid NOT NULL,
  complete boolean NOT NULL DEFAULT false,
  requested_at timestamp NOT NULL,
  completed_at timestamp,
  initiator varchar(128),
  source_system varchar(128),
  reason varchar(128),
  tags jsonb,
  context jsonb,
  identity_hash varchar(128) NOT NULL,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  priority integer NOT NULL DEFAULT 0,
  correlation_id uuid NOT NULL,
  parent_correlation_id uuid
);

-- A step is inserted small and then updated at its claim, its result and its end. The free third of each page keeps
-- those updates HOT (no index entry is written), because no column that they change is in an index of this table.
CREATE TABLE tasker.workflow_steps (
  workflow_step_uuid uuid NOT NULL DEFAULT uuidv7(),
  task_uuid uuid NOT NULL,
  named_step_uuid uuid NOT NULL,
  retryable boolean NOT NULL DEFAULT true,
  max_attempts integer DEFAULT 3,
  in_process boolean NOT NULL DEFAULT false,
  processed boolean NOT NULL DEFAULT false,
  processed_at timestamp,
  attempts integer,
  last_attempted_at timestamp,
  backoff_request_seconds integer,
  inputs jsonb,
  results jsonb,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  priority integer NOT NULL DEFAULT 0,
  checkpoint jsonb
) WITH (fillfactor = 66);

CREATE TABLE tasker.workflow_step_edges (
  workflow_step_edge_uuid uuid NOT NULL DEFAULT uuidv7(),
  from_step_uuid uuid NOT NULL,
  to_step_uuid uuid NOT NULL,
  name varchar NOT NULL,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE tasker.task_transitions (
  task_transition_uuid uuid NOT NULL DEFAULT uuidv7(),
  task_uuid uuid NOT NULL,
  to_state varchar NOT NULL,
  from_state varchar,
  metadata jsonb DEFAULT '{}',
  sort_key integer NOT NULL,
  most_recent boolean NOT NULL DEFAULT false,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  processor_uuid uuid,
  transition_metadata jsonb DEFAULT '{}',
  CONSTRAINT chk_task_transitions_to_state CHECK (to_state IN (
    'pending', 'initializing', 'enqueuing_steps', 'steps_in_process', 'evaluating_results', 'waiting_for_dependencies',
    'waiting_for_retry', 'blocked_by_failures', 'complete', 'error', 'cancelled', 'resolved_manually')),
  CONSTRAINT chk_task_transitions_from_state CHECK (from_state IS NULL OR from_state IN (
    'pending', 'initializing', 'enqueuing_steps', 'steps_in_process', 'evaluating_results', 'waiting_for_dependencies',
    'waiting_for_retry', 'blocked_by_failures', 'complete', 'error', 'cancelled', 'resolved_manually'))
);

CREATE TABLE tasker.workflow_step_transitions (
  workflow_step_transition_uuid uuid NOT NULL DEFAULT uuidv7(),
  workflow_step_uuid uuid NOT NULL,
  to_state varchar NOT NULL,
  from_state varchar,
  metadata jsonb DEFAULT '{}',
  sort_key integer NOT NULL,
  most_recent boolean NOT NULL DEFAULT false,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  CONSTRAINT chk_workflow_step_transitions_to_state CHECK (to_state IN (
    'pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration',
    'waiting_for_retry', 'complete', 'error', 'cancelled', 'resolved_manually')),
  CONSTRAINT chk_workflow_step_transitions_from_state CHECK (from_state IS NULL OR from_state IN (
    'pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration',
    'waiting_for_retry', 'complete', 'error', 'cancelled', 'resolved_manually'))
);

CREATE TABLE tasker.workflow_step_result_audit (
  workflow_step_result_audit_uuid uuid NOT NULL DEFAULT uuidv7(),
  workflow_step_uuid uuid NOT NULL,
  workflow_step_transition_uuid uuid NOT NULL,
  task_uuid uuid NOT NULL,
  recorded_at timestamp NOT NULL DEFAULT now(),
  worker_uuid uuid,
  correlation_id uuid,
  success boolean NOT NULL,
  execution_time_ms bigint,
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);

CREATE TABLE tasker.tasks_dlq (
  dlq_entry_uuid uuid NOT NULL DEFAULT uuidv7(),
  task_uuid uuid NOT NULL,
  original_state varchar(50) NOT NULL,
  dlq_reason tasker.dlq_reason NOT NULL,
  dlq_timestamp timestamp NOT NULL DEFAULT now(),
  resolution_status tasker.dlq_resolution_status NOT NULL DEFAULT 'pending',
  resolution_timestamp timestamp,
  resolution_notes text,
  resolved_by varchar(255),
  task_snapshot jsonb NOT NULL,
  metadata jsonb DEFAULT '{}',
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);
