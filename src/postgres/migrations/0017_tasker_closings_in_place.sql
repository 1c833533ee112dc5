-- A transition is closed once, by an update of `most_recent`, and every transition that ends is. While an index named that column, each closing
-- entered the new version of its row in all indexes of the table, which was a fifth of PostgreSQL's time for a step. Now none does, half of each
-- page is kept free for the new versions, and closings stay in their page (HOT). Whoever adds an index on most_recent or updated_at ends that.

-- The arbiter of races is now the place in the step's history: each writer enters what follows the transition it closed, and of two that closed
-- the same one, or found none, the second fails. So does one that counted before the other's commit and then closes what that one entered,
-- which the index on most_recent let pass.
-- Histories with such a pair, which writers of Tasker may have left, are numbered anew, the current state last.
WITH doubled AS (
  SELECT DISTINCT workflow_step_uuid FROM tasker.workflow_step_transitions GROUP BY workflow_step_uuid, sort_key HAVING count(*) > 1
), numbered AS (
  SELECT t.workflow_step_transition_uuid, row_number() OVER (PARTITION BY t.workflow_step_uuid ORDER BY t.most_recent, t.sort_key, t.created_at) AS place
    FROM tasker.workflow_step_transitions t JOIN doubled USING (workflow_step_uuid)
)
UPDATE tasker.workflow_step_transitions t SET sort_key = n.place
  FROM numbered n WHERE t.workflow_step_transition_uuid = n.workflow_step_transition_uuid;
DROP INDEX tasker.idx_workflow_step_transitions_uuid_most_recent;
DROP INDEX tasker.idx_workflow_step_transitions_uuid_sort_key;
CREATE UNIQUE INDEX idx_workflow_step_transitions_uuid_sort_key ON tasker.workflow_step_transitions (workflow_step_uuid, sort_key);

-- stephost.claims has them now.
DROP INDEX tasker.idx_workflow_step_transitions_held_by_worker;

-- A wait that ended says so in its metadata, which no other closing touches. Whoever ends one without saying it leaves an entry behind.
DROP INDEX tasker.idx_workflow_step_transitions_waiting_for_retry;
UPDATE tasker.workflow_step_transitions SET metadata = coalesce(metadata, '{}') || '{"waited": true}'
 WHERE to_state = 'waiting_for_retry' AND NOT most_recent;
CREATE INDEX idx_workflow_step_transitions_waiting_for_retry
  ON tasker.workflow_step_transitions (workflow_step_uuid)
  WHERE to_state = 'waiting_for_retry' AND (metadata ? 'waited') IS NOT TRUE;

ALTER TABLE tasker.workflow_step_transitions SET (fillfactor = 50);
ALTER INDEX tasker.workflow_step_transitions_pkey RESET (fillfactor);
