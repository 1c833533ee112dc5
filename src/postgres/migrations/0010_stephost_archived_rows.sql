-- Where finished tasks go that are not to be lost when they leave Tasker's tables.

CREATE TABLE stephost.archived_rows (
  archived_row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_uuid uuid NOT NULL,
  table_name text NOT NULL,
  row jsonb NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX idx_archived_rows_task ON stephost.archived_rows (task_uuid);
COMMENT ON TABLE stephost.archived_rows IS
  'With retention.finished_tasks_action = "archive": each row of tasks that left the tables of tasker, as it was. Nothing reads it but people.';
