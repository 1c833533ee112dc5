-- Schema stephost: what the hosts know about each other. It stands beside Tasker's schemas and changes nothing in them.

CREATE SCHEMA stephost;

CREATE TABLE stephost.migrations (
  file text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE stephost.migrations IS 'The migration files of stephost that ran on this database.';

CREATE TABLE stephost.workers (
  worker_uuid uuid PRIMARY KEY,
  host text NOT NULL,
  namespaces text[] NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  declared_dead_at timestamptz
);
COMMENT ON TABLE stephost.workers IS
  'One row per registration of a worker. Its heartbeat is the lease of every step it claimed; once declared dead it never lives again.';
COMMENT ON COLUMN stephost.workers.worker_uuid IS 'Random per start and per registration; also in the metadata of the claims.';
COMMENT ON COLUMN stephost.workers.declared_dead_at IS 'Set once, by the worker that declared the death; null while it lives.';

CREATE TABLE stephost.orchestrators (
  orchestrator_uuid uuid PRIMARY KEY,
  host text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE stephost.orchestrators IS
  'Embedded orchestrators that are up. While all consumers of a queue are ours, one wake-up serves a whole batch of results.';

-- No key over queue and message: a queue that is made anew counts from 1 again, and a claim must not fail on that.
CREATE TABLE stephost.rejected_messages (
  rejected_message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue_name text NOT NULL,
  msg_id bigint NOT NULL,
  message jsonb,
  reason text NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE stephost.rejected_messages IS 'Queue messages that could not be understood, and why. Nothing reads it but people.';
