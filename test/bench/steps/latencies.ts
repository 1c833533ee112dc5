// From the commit of a message to the start of its handler and to the commit of its result, by the server's and this machine's clock.
import type { Database } from '../../../src/postgres/database.ts'
import { type Measures, quantile } from './measures.ts'

/** `bench_sent` names the sending transaction of each key; both queries speak of keys as text. */
export interface LatencySource {
  /** key, started_us, xid of the result's transaction. */
  readonly results: string
}

/** Of our own steps; `template` keeps out those of other workloads in the same database. */
export function stepResults(template: string): LatencySource {
  return {
    results: `
SELECT s.workflow_step_uuid::text AS key, (s.results #>> '{result,started_us}')::float8 AS started_us, t.xmin AS xid
  FROM tasker.workflow_steps s
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid AND n.name = '${template}'
  JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.to_state = 'enqueued_for_orchestration'`,
  }
}

/** The first `warmUp` messages do not count. */
export async function latencies(database: Database, source: LatencySource, warmUp: number): Promise<Measures> {
  const rows = await database.query<{ start_ms: number | null; result_ms: number | null }>({
    text: `
SELECT (r.started_us - sent.us)::float8 / 1000 AS start_ms,
       (extract(epoch FROM pg_xact_commit_timestamp(r.xid)) * 1e6 - sent.us)::float8 / 1000 AS result_ms
  FROM (SELECT key, extract(epoch FROM pg_xact_commit_timestamp(xid))::float8 * 1e6 AS us FROM bench_sent) AS sent
  JOIN (${source.results}) AS r USING (key)
 ORDER BY sent.us OFFSET $1::int`,
    values: [warmUp],
  })
  return {
    ...quantiles('start', known(rows.map((row) => row.start_ms))),
    ...quantiles('result', known(rows.map((row) => row.result_ms))),
  }
}

/** At what rate the messages were committed in truth. */
export async function sentRate(database: Database): Promise<Measures> {
  const [row] = await database.query<{ rate: number | null }>({
    text: `
SELECT ((count(*) - 1) / extract(epoch FROM max(at) - min(at)))::float8 AS rate
  FROM (SELECT pg_xact_commit_timestamp(xid) AS at FROM bench_sent) AS sent`,
  })
  return { sentPerS: row?.rate ?? 0 }
}

/** A time that is missing must not pass for a quick one. */
function known(values: readonly (number | null)[]): readonly number[] {
  const found = values.filter((value) => value !== null)
  if (found.length === 0 || found.length < values.length) {
    throw new Error(`${values.length - found.length} of ${values.length} times are not known`)
  }
  return found
}

export function quantiles(name: string, values: readonly number[]): Measures {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    [`${name}P50Ms`]: quantile(sorted, 0.5),
    [`${name}P95Ms`]: quantile(sorted, 0.95),
    [`${name}P99Ms`]: quantile(sorted, 0.99),
    [`${name}MaxMs`]: sorted.at(-1) ?? 0,
  }
}
