-- A transition is closed once, by an update of `most_recent`, and every transition that ends is. While an index named that column, each closing
-- entered the new version of its row in all indexes of the table, which was a fifth of PostgreSQL's time for a step. Now none does, half of each
-- page is kept free for the new versions, and closings stay in their page (HOT). Whoever adds an index on most_recent or updated_at ends that.

-- The arbiter of races is now the place in the step's history: each writer enters what follows the transition it closed, and of two that closed
-- the same one, or found none, the second fails. So does one that counted before the other's commit and then closes what that one entered,
-- which the index on most_recent let pass.
DROP INDEX tasker.idx_workflow_step_transitions_uuid_most_recent;
DROP INDEX tasker.idx_workflow_step_transitions_uuid_sort_key;
CREATE UNIQUE INDEX idx_workflow_step_transitions_uuid_sort_key ON tasker.workflow_step_transitions (workflow_step_uuid, sort_key);

-- stephost.claims has them now.
DROP INDEX tasker.idx_workflow_step_transitions_held_by_worker;

-- A wait that ended says so in its metadata, which no other closing touches. Whoever ends one without saying it leaves an entry behind.
DROP INDEX tasker.idx_workflow_step_transitions_waiting_for_retry;
CREATE INDEX idx_workflow_step_transitions_waiting_for_retry
  ON tasker.workflow_step_transitions (workflow_step_uuid)
  WHERE to_state = 'waiting_for_retry' AND (metadata ? 'waited') IS NOT TRUE;

ALTER TABLE tasker.workflow_step_transitions SET (fillfactor = 50);
ALTER INDEX tasker.workflow_step_transitions_pkey RESET (fillfactor);
