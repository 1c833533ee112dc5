-- Room in the indexes of step transitions. Each transition is closed once, by an update that enters the new place of its row in all indexes of
-- the table, beside the old one; and a step's transitions stand side by side. Pages that are full by then are searched for what could be
-- deleted, which nothing can yet, and are split. Half of a page is kept free for one more entry of each transition, two thirds where those of
-- later transitions come in between. It holds for pages that are begun from now on; they end as full as others.

ALTER INDEX tasker.workflow_step_transitions_pkey SET (fillfactor = 45);
ALTER INDEX tasker.idx_workflow_step_transitions_uuid_sort_key SET (fillfactor = 30);
ALTER INDEX tasker.idx_workflow_step_transitions_uuid_most_recent SET (fillfactor = 30);
