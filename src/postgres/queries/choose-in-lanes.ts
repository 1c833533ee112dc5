// The part of a claim that chooses steps where some are limited more narrowly, or weigh more, than others.

import type { ClaimRequest } from '../../model/claim-source.ts'

/**
 * Between `judged` and the write of the claim, like the plain choice; `lanes` is the parameter with the rows of `laneRows`. One limit is
 * applied after the other, each to what the ones before have left: so a full lane takes no place from those behind it. What does not fit is
 * not touched. Last attempts come first in every lane, and only as many as start at once ($3 tokens, $4 steps ahead); while one has to wait,
 * nothing is claimed ahead of it.
 */
export function chooseInLanes(lanes: string): string {
  return `
placed AS MATERIALIZED (
  SELECT j.*,
         p.handler_lane, p.handler_room, p.handler_ahead, p.language_lane, p.language_room, p.language_ahead,
         p.namespace_room, p.namespace_ahead,
         coalesce(p.weight, 1) AS weight, coalesce(p.language_weight, 1) AS language_weight,
         coalesce(p.namespace_weight, 1) AS namespace_weight
    FROM judged j
    LEFT JOIN jsonb_to_recordset(${lanes}::jsonb) AS p(
           named_task uuid, step text, handler_lane int, handler_room int, handler_ahead int,
           language_lane int, language_room int, language_ahead int, namespace_room int, namespace_ahead int,
           weight int, language_weight int, namespace_weight int)
           ON p.named_task = j.named_task_uuid AND p.step = j.template_step
   WHERE j.verdict = 'claim'
), by_handler AS (
  SELECT *, row_number() OVER (PARTITION BY handler_lane ORDER BY may_wait, priority DESC, msg_id) AS nth,
         count(*) FILTER (WHERE NOT may_wait) OVER (PARTITION BY handler_lane) <= handler_room AS no_last_waits
    FROM placed
), in_handler AS (
  SELECT *, handler_lane IS NULL OR nth <= handler_room AS starts FROM by_handler
   WHERE handler_lane IS NULL OR nth <= handler_room OR (may_wait AND no_last_waits AND nth <= handler_room + handler_ahead)
), by_language AS (
  SELECT *, sum(language_weight) OVER (PARTITION BY language_lane ORDER BY starts DESC, may_wait, priority DESC, msg_id
                                       ROWS UNBOUNDED PRECEDING) AS filled,
         coalesce(sum(language_weight) FILTER (WHERE NOT may_wait) OVER (PARTITION BY language_lane), 0) <= language_room
           AS no_last_waits_there
    FROM in_handler
), in_language AS (
  SELECT by_language.*, starts AND (language_lane IS NULL OR filled <= language_room) AS starts_too FROM by_language
   WHERE language_lane IS NULL OR (starts AND filled <= language_room) OR (may_wait AND no_last_waits_there AND filled <= language_room + language_ahead)
), by_namespace AS (
  SELECT *, sum(namespace_weight) OVER (ORDER BY starts_too DESC, may_wait, priority DESC, msg_id
                                        ROWS UNBOUNDED PRECEDING) AS namespace_filled,
         coalesce(sum(namespace_weight) FILTER (WHERE NOT may_wait) OVER (), 0) <= namespace_room AS no_last_waits_around
    FROM in_language
), fitting AS MATERIALIZED (
  SELECT *, starts_too AND (namespace_room IS NULL OR namespace_filled <= namespace_room) AS fits FROM by_namespace
   WHERE namespace_room IS NULL OR (starts_too AND namespace_filled <= namespace_room)
      OR (may_wait AND no_last_waits_around AND namespace_filled <= namespace_room + namespace_ahead)
), locked AS MATERIALIZED (
  SELECT f.*
    FROM fitting f
    JOIN tasker.workflow_step_transitions t ON t.ctid = f.transition_row
   WHERE t.most_recent AND t.to_state = 'enqueued'
   ORDER BY f.fits DESC, f.priority DESC, f.msg_id
   LIMIT $3::int + $4::int
     FOR UPDATE OF t SKIP LOCKED
), weighed AS (
  SELECT *, fits AND sum(weight) FILTER (WHERE fits) OVER (ORDER BY may_wait, priority DESC, msg_id ROWS UNBOUNDED PRECEDING) <= $3::int
            AS starts_now
    FROM (SELECT DISTINCT ON (step_uuid) * FROM locked ORDER BY step_uuid, msg_id) AS once
), ranked AS MATERIALIZED (
  SELECT *, starts_now OR (may_wait AND ahead <= $4::int AND NOT last_waits) AS is_taken FROM (
    SELECT *, row_number() OVER (ORDER BY starts_now DESC, may_wait, priority DESC, msg_id) AS place,
           count(*) FILTER (WHERE may_wait AND NOT starts_now) OVER (ORDER BY starts_now DESC, may_wait, priority DESC, msg_id
                                                                     ROWS UNBOUNDED PRECEDING) AS ahead,
           bool_or(NOT may_wait AND NOT starts_now) OVER () AS last_waits
      FROM weighed
  ) AS placed_again
), chosen AS MATERIALIZED (
  SELECT *, uuid_generate_v7() AS token FROM ranked WHERE is_taken
)`
}

/** Behind that choice: the tokens that the first step needs which waits for nothing else; null: there is none. */
export const nextWeight =
  '(SELECT weight FROM ranked WHERE fits AND NOT is_taken ORDER BY place LIMIT 1) AS next_weight'

/** The limits of each runnable step that has any, for one namespace, as JSON text. */
export function laneRows({ lanes, runnable }: ClaimRequest, namespace: string): string {
  if (lanes === null || lanes === undefined) return '[]'
  const around = lanes.namespaces.get(namespace) ?? null
  const rows = lanes.places.map((place, index) => {
    const handler = place.handler === null ? null : lanes.handlers[place.handler]
    const language = place.language === null ? null : lanes.languages[place.language]
    return {
      named_task: runnable[index]?.namedTaskId,
      step: runnable[index]?.templateStep,
      ...{ handler_lane: place.handler, handler_room: handler?.room, handler_ahead: handler?.ahead },
      ...{ language_lane: place.language, language_room: language?.room, language_ahead: language?.ahead },
      ...{ namespace_room: around?.room, namespace_ahead: around?.ahead },
      ...{ weight: place.weight, language_weight: place.languageWeight, namespace_weight: place.namespaceWeight },
    }
  })
  return JSON.stringify(rows)
}
