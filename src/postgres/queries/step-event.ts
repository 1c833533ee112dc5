// The shape of a step transition's metadata. Source: wire-protocol §2.3.

/**
 * SQL for the `metadata` of a step transition: `event` is a string that holds JSON, the time is RFC 3339.
 * `event` is an SQL expression of type text; `extra` further key/value pairs for `jsonb_build_object`.
 */
export function stepEventMetadata(event: string, extra: string): string {
  return `jsonb_build_object('event', ${event}, 'timestamp', ${nowRfc3339}, ${extra})`
}

/** SQL: the current time as RFC 3339 text. Every connection is in UTC. */
export const nowRfc3339 = `to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`

/** The same, worked out once for all rows of a statement. */
export const nowOnce = `(SELECT ${nowRfc3339})`
