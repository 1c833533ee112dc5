-- What living workers can run, and how far the steps of dead ones have been taken back.

ALTER TABLE stephost.workers
  ADD COLUMN runnable text[] NOT NULL DEFAULT '{}',
  ADD COLUMN last_found_at timestamptz,
  ADD COLUMN swept_at timestamptz;
COMMENT ON COLUMN stephost.workers.runnable IS
  'NAMED_TASK_UUID:STEP for each step of the templates that this worker has a handler for. No step fails as handler_not_found while a living worker lists it.';
COMMENT ON COLUMN stephost.workers.last_found_at IS 'When a sweep last found steps of this dead worker.';
COMMENT ON COLUMN stephost.workers.swept_at IS
  'Set once a whole lease of sweeps found no step of this dead worker, and at each later look; null while it lives and while it is swept.';
