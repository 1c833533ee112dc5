// The results of all that a step depends on, as handlers get them: of all ancestors that are done, not only of the parents.

/** Whether a step has parents at all: one look, which most steps need no more than. `step` is an SQL expression. */
export const hasParents = (step: string) =>
  `EXISTS (SELECT FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = ${step})`

/**
 * The limit limits nothing. It has the planner expect few parents: it makes room for all ancestors that it expects, for each step anew, and one step
 * with ten thousand parents in the table makes it expect many of every step.
 */
const parentsOf = (step: string) =>
  `(SELECT e.from_step_uuid FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = ${step} LIMIT (SELECT 2147483647))`

/**
 * Not by `get_step_transitive_dependencies`: for its distances that counts the steps of the task, for each step anew. `done` has a row for each
 * ancestor, without results where it is not done; a step that a cycle makes its own ancestor is none.
 */
const ancestorsOf = (step: string, limit: string) => `
  WITH RECURSIVE ancestors (step_uuid) AS (
     SELECT p.from_step_uuid FROM ${parentsOf(step)} p
      UNION
     SELECT p.from_step_uuid FROM ancestors a CROSS JOIN LATERAL ${parentsOf('a.step_uuid')} p
   ), done AS MATERIALIZED (
     SELECT pn.name, CASE WHEN p.processed AND a.step_uuid <> ${step} THEN p.results END AS results
       FROM (SELECT step_uuid FROM ancestors${limit}) AS a
       JOIN tasker.workflow_steps p ON p.workflow_step_uuid = a.step_uuid
       JOIN tasker.named_steps pn ON pn.named_step_uuid = p.named_step_uuid
   )`

const resultsByName = 'SELECT jsonb_object_agg(name, results) FILTER (WHERE results IS NOT NULL) FROM done'

/** SQL for the results by the names of their steps; null: there are none. */
export const ancestorResults = (step: string) => `(${ancestorsOf(step, '')} ${resultsByName})`

/** The same as text, `{}` where there are none; null: they are large or many. Then no result is read, only its size. */
export const smallAncestorResults = (step: string, limits: { ancestorsMax: number; bytesMax: string }) => `(
  ${ancestorsOf(step, ` LIMIT ${limits.ancestorsMax + 1}`)}
  SELECT CASE WHEN count(*) <= ${limits.ancestorsMax} AND coalesce(sum(pg_column_size(results)), 0) <= ${limits.bytesMax}
              THEN coalesce((${resultsByName})::text, '{}') END
    FROM done)`
