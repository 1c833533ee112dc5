-- When somebody last took up a task that had failed or was among the dead letters.

-- Not told from tasker.task_transitions, where the move stands as well: an index that finds it there would cost every move of every task.
-- Nor a column of tasker.tasks, which may be Tasker's. A row leaves together with its task.
CREATE TABLE stephost.reopened_tasks (
  task_uuid uuid PRIMARY KEY,
  reopened_at timestamptz NOT NULL
);
COMMENT ON TABLE stephost.reopened_tasks IS 'Tasks that an operator redrove or helped after they had failed: the time that a task may take begins anew then.';
