// The messages of enqueued steps on their way into the queues of their namespaces, with the wake-ups.

/** A worker of ours that serves the SQL expression `namespace`: it asks the queue itself once it is woken. */
const servedByOurs = (namespace: string, which = 'true') => `EXISTS (
  SELECT FROM stephost.workers w
   WHERE ${which} AND w.declared_dead_at IS NULL AND w.heartbeat_at > now() - interval '15 seconds' AND ${namespace} = ANY (w.namespaces))`

const wakeUp = (queue: string, namespace: string) => `pg_notify('pgmq_message_ready.' || ${namespace},
                   json_build_object('event_type', 'wake_up', 'queue_name', ${queue}, 'namespace', ${namespace})::text)`

// One message per notification for foreign workers, which handle only what they are told of; one bare wake-up while our own workers serve
// the namespace (design D2).

/** SQL behind `outbox` with queue, namespace, position and message: any queues, by pgmq's functions. Ends with `sent`, which has their number as `messages`. */
export const sendOutbox = `
audience AS MATERIALIZED (
  SELECT o.queue, o.namespace, array_agg(o.message ORDER BY o.position) AS messages, ${servedByOurs('o.namespace')} AS ours
    FROM outbox o GROUP BY o.queue, o.namespace
), batched AS MATERIALIZED (
  SELECT sent.id FROM audience a CROSS JOIN LATERAL pgmq.send_batch(a.queue, a.messages) AS sent(id) WHERE a.ours
), woken AS MATERIALIZED (
  SELECT ${wakeUp('a.queue', 'a.namespace')} FROM audience a WHERE a.ours
), told AS MATERIALIZED (
  SELECT tasker.pgmq_send_with_notify(a.queue, m.message, 0)
    FROM audience a CROSS JOIN LATERAL unnest(a.messages) AS m(message) WHERE NOT a.ours
), sent AS MATERIALIZED (
  SELECT (SELECT count(*) FROM batched) + (SELECT count(*) FROM told) + 0 * (SELECT count(*) FROM woken) AS messages
)`

export interface KnownQueue {
  readonly namespace: string
  /** SQL for the same; where it is no plain word, a parameter. */
  readonly expression: string
  /** SQL for the worker that is woken in another way; for it alone nobody has to be notified. */
  readonly woken: string
}

/**
 * The same for one queue that is known to be there, with `position` and `message` in `outbox`. pgmq's functions would have PostgreSQL parse and plan
 * an INSERT at every call.
 */
export function sendToQueue({ namespace, expression, woken }: KnownQueue): string {
  const queue = `'worker_' || ${expression} || '_queue'`
  return `
audience AS MATERIALIZED (
  SELECT ${servedByOurs(expression)} AS ours, ${servedByOurs(expression, `w.worker_uuid IS DISTINCT FROM ${woken}`)} AS by_others
   WHERE EXISTS (SELECT FROM outbox)
), batched AS (
  INSERT INTO pgmq.${queueTable(namespace)} (vt, message)
  SELECT clock_timestamp(), o.message FROM audience a, outbox o WHERE a.ours ORDER BY o.position
  RETURNING msg_id
), woken AS MATERIALIZED (
  SELECT ${wakeUp(queue, expression)} FROM audience WHERE by_others
), told AS MATERIALIZED (
  SELECT tasker.pgmq_send_with_notify(${queue}, o.message, 0) FROM audience a, outbox o WHERE NOT a.ours
), sent AS MATERIALIZED (
  SELECT (SELECT count(*) FROM batched) + (SELECT count(*) FROM told) + 0 * (SELECT count(*) FROM woken) AS messages
)`
}

/** The names of queue tables are folded to lower case. */
function queueTable(namespace: string): string {
  return `"q_worker_${namespace.toLowerCase().replaceAll('"', '""')}_queue"`
}
