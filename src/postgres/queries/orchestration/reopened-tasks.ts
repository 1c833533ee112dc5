// SQL that notes when a task was taken up again, from which its lifetime is counted anew.

/** `tasks`: SQL that selects one `task_uuid` per row, each locked in this transaction. */
export function noteReopened(tasks: string): string {
  return `
  INSERT INTO stephost.reopened_tasks (task_uuid, reopened_at)
  SELECT o.task_uuid, now() FROM (${tasks}) o
  ON CONFLICT (task_uuid) DO UPDATE SET reopened_at = excluded.reopened_at`
}
