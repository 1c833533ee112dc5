-- Which steps each worker took. Who looks for the steps of one worker goes by these rows, on a schema that Tasker made too: an index on the
-- transitions that says it would be written for every step, and would end the updates in place that close them.

CREATE TABLE stephost.claims (
  worker_uuid uuid NOT NULL,
  claim_id text,
  tokens uuid[] NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE stephost.claims IS
  'One row per statement that claimed steps, written in it. It goes once none of its steps is in progress by that claim: the worker looks once per lease, and others once it is dead.';
COMMENT ON COLUMN stephost.claims.claim_id IS 'As in the metadata of the transitions; null: written after the death of a worker that wrote none.';
COMMENT ON COLUMN stephost.claims.tokens IS 'workflow_step_transition_uuid of each step''s transition to in_progress.';
-- Ids are as good as random, so that nothing would be gained by trying to compress them.
ALTER TABLE stephost.claims ALTER COLUMN tokens SET STORAGE EXTERNAL;
CREATE INDEX claims_worker_uuid ON stephost.claims (worker_uuid);

ALTER TABLE stephost.workers ADD COLUMN notes_claims boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN stephost.workers.notes_claims IS 'False: a host of before, whose steps are found by the metadata of their transitions.';
