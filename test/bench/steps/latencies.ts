// From the commit of a message to the start of its handler and to the commit of its result, by the server's and this machine's clock.
import type { Database } from '../../../src/postgres/database.ts'
import { type Measures, quantile } from './measures.ts'
import { NoFigure } from './no-figure.ts'
import { systemNames } from './system-names.ts'

/** `bench_sent` names the sending transaction of each key; keys are text. */
export interface LatencySource {
  /** Whose results they are. */
  readonly system: string
  /** key, started_us, xid of the result's transaction. */
  readonly results: string
}

/** Of our own steps; `template` keeps out those of other workloads in the same database. */
export function stepResults(template: string): LatencySource {
  return {
    system: systemNames.ours,
    results: `
SELECT s.workflow_step_uuid::text AS key, (s.results #>> '{result,started_us}')::float8 AS started_us, t.xmin AS xid
  FROM tasker.workflow_steps s
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid AND n.name = '${template}'
  JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.to_state = 'enqueued_for_orchestration'`,
  }
}

interface Waited {
  readonly key: string
  readonly start_ms: number | null
  readonly result_ms: number | null
}

/** The first `warmUp` messages do not count. Rejects with a NoFigure unless each message has exactly one result. */
export async function latencies(database: Database, source: LatencySource, warmUp: number): Promise<Measures> {
  const rows = await database.query<Waited>({
    text: `
SELECT sent.key, (r.started_us - sent.us)::float8 / 1000 AS start_ms,
       (extract(epoch FROM pg_xact_commit_timestamp(r.xid)) * 1e6 - sent.us)::float8 / 1000 AS result_ms
  FROM (SELECT key, extract(epoch FROM pg_xact_commit_timestamp(xid))::float8 * 1e6 AS us FROM bench_sent) AS sent
  LEFT JOIN (${source.results}) AS r USING (key)
 ORDER BY sent.us`,
  })
  // One that was lost and one that ran twice cancel out where jobs are only counted.
  const twice = rows.length - new Set(rows.map(({ key }) => key)).size
  const unknown = rows.filter((row) => row.start_ms === null || row.result_ms === null).length
  const wrong = [
    ...(rows.length > warmUp ? [] : [`only ${rows.length} messages were sent`]),
    ...(unknown > 0 ? [`${unknown} of ${rows.length} messages have no result whose times are known`] : []),
    ...(twice > 0 ? [`${twice} messages have a second result`] : []),
  ]
  if (wrong.length > 0) throw new NoFigure(source.system, wrong)
  const times = (of: (row: Waited) => number | null) => rows.slice(warmUp).flatMap((row) => of(row) ?? [])
  return {
    ...quantiles(
      'start',
      times((row) => row.start_ms),
    ),
    ...quantiles(
      'result',
      times((row) => row.result_ms),
    ),
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

export function quantiles(name: string, values: readonly number[]): Measures {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    [`${name}P50Ms`]: quantile(sorted, 0.5),
    [`${name}P95Ms`]: quantile(sorted, 0.95),
    [`${name}P99Ms`]: quantile(sorted, 0.99),
    [`${name}MaxMs`]: sorted.at(-1) ?? 0,
  }
}
