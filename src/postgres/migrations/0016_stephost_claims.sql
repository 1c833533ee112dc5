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
COMMENT ON COLUMN stephost.claims.claim_id IS 'As in the metadata of the transitions; null: a host of before made the claim.';
COMMENT ON COLUMN stephost.claims.tokens IS 'workflow_step_transition_uuid of each step''s transition to in_progress.';
-- Ids are as good as random, so that nothing would be gained by trying to compress them.
ALTER TABLE stephost.claims ALTER COLUMN tokens SET STORAGE EXTERNAL;
CREATE INDEX claims_worker_uuid ON stephost.claims (worker_uuid);

-- Hosts of before write none, and what they claimed would be found by nobody. So they are declared dead, what they hold is written down for
-- them, and no worker registers that does not say it writes its claims.
UPDATE stephost.workers SET declared_dead_at = clock_timestamp() WHERE declared_dead_at IS NULL;
ALTER TABLE stephost.workers
  ADD COLUMN notes_claims boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT workers_note_claims CHECK (notes_claims OR declared_dead_at IS NOT NULL);
COMMENT ON COLUMN stephost.workers.notes_claims IS 'True of every worker that lives; hosts of before this column cannot register.';

-- The tables may yet be to come, where Tasker's migrations make them.
DO $$
BEGIN
  IF to_regclass('tasker.workflow_step_transitions') IS NOT NULL THEN
    INSERT INTO stephost.claims (worker_uuid, tokens)
    SELECT w.worker_uuid, array_agg(t.workflow_step_transition_uuid)
      FROM tasker.workflow_step_transitions t
      JOIN stephost.workers w ON w.worker_uuid::text = t.metadata ->> 'worker_uuid'
     WHERE t.most_recent AND t.to_state = 'in_progress'
     GROUP BY w.worker_uuid;
  END IF;
END
$$;
