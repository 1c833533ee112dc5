// The queues of domain events, `{namespace}_domain_events`, on pgmq. Source: wire-protocol §3.1, §8.

import type { DomainEventQueue, QueuedEvent } from '../model/domain-event.ts'
import type { Queryable } from './statement.ts'

export class PgmqEventQueue implements DomainEventQueue {
  readonly #database: Queryable

  constructor(database: Queryable) {
    this.#database = database
  }

  async send(events: readonly QueuedEvent[]): Promise<readonly (string | null)[]> {
    const rows = await this.#database.query<{ problem: string | null }>({
      name: 'send-domain-events',
      text: sendText,
      values: [events.map(({ namespace }) => namespace), events.map(({ document }) => document)],
    })
    return rows.map(({ problem }) => problem)
  }
}

/** An event that no jsonb can hold harms only itself: it is judged before the cast. */
const sendText = `
WITH given AS MATERIALIZED (
  SELECT e.place, e.namespace, e.document, pg_input_is_valid(e.document, 'jsonb') AS valid
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS e(namespace, document, place)
), sent AS MATERIALIZED (
  SELECT g.place, CASE WHEN g.valid THEN tasker.pgmq_send_with_notify(g.namespace || '_domain_events', g.document::jsonb, 0) END AS id
    FROM given g ORDER BY g.place
)
SELECT CASE WHEN NOT g.valid THEN (SELECT i.message FROM pg_input_error_info(g.document, 'jsonb') i) END AS problem
  FROM given g JOIN sent s USING (place) ORDER BY g.place`
