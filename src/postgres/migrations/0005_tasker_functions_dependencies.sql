-- Functions of schema tasker that walk the graph of a task: the ancestors of a step and the depth of every step.

-- All ancestors, nearest first, each once at its shortest distance. A path never has more edges than the task has steps,
-- which also ends the walk in a graph with a cycle.
CREATE FUNCTION tasker.get_step_transitive_dependencies(target_step_uuid uuid)
RETURNS TABLE (
  workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, step_name varchar, results jsonb, processed boolean,
  distance integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE ancestors (step_uuid, distance) AS (
    SELECT e.from_step_uuid, 1 FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = target_step_uuid
    UNION
    SELECT e.from_step_uuid, a.distance + 1
      FROM ancestors a JOIN tasker.workflow_step_edges e ON e.to_step_uuid = a.step_uuid
     WHERE a.distance < (SELECT count(*) FROM tasker.workflow_steps target
                           JOIN tasker.workflow_steps sibling ON sibling.task_uuid = target.task_uuid
                          WHERE target.workflow_step_uuid = target_step_uuid)
  ), nearest AS (
    SELECT a.step_uuid, min(a.distance) AS distance FROM ancestors a WHERE a.step_uuid <> target_step_uuid GROUP BY a.step_uuid
  )
  SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, n.name, s.results, s.processed, nearest.distance
    FROM nearest
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = nearest.step_uuid
    JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
   ORDER BY nearest.distance, s.workflow_step_uuid;
END;

-- Level 0 has no parents; every other step is one level below its deepest parent.
CREATE FUNCTION tasker.calculate_dependency_levels(input_task_uuid uuid)
RETURNS TABLE (workflow_step_uuid uuid, dependency_level integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE reached (step_uuid, level) AS (
    SELECT s.workflow_step_uuid, 0
      FROM tasker.workflow_steps s
     WHERE s.task_uuid = input_task_uuid
       AND NOT EXISTS (SELECT FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = s.workflow_step_uuid)
    UNION
    SELECT e.to_step_uuid, r.level + 1
      FROM reached r JOIN tasker.workflow_step_edges e ON e.from_step_uuid = r.step_uuid
     WHERE r.level < (SELECT count(*) FROM tasker.workflow_steps s WHERE s.task_uuid = input_task_uuid)
  )
  SELECT r.step_uuid, max(r.level) FROM reached r GROUP BY r.step_uuid ORDER BY max(r.level), r.step_uuid;
END;
