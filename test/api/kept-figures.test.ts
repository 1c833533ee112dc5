// Figures of /v1/analytics that are kept, over real HTTP and a real database whose statements are counted.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { withKeptFigures } from '../../src/api/rest/kept-figures.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { OrchestrationReads } from '../../src/model/orchestration-reads.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import type { Queryable } from '../../src/postgres/statement.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'

const keptMs = 60_000

let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([sketch('single', { one: {} })])
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())

/** A server whose clock stands still until it is moved. */
async function serve() {
  let nowMs = 0
  let statements = 0
  const counted: Queryable = {
    query: (statement) => {
      statements += 1
      return bench.database.query(statement)
    },
  }
  const kept = withKeptFigures(orchestrationReads(counted), { keptMs, now: () => nowMs })
  const server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, reads: kept, events: { watch: () => null }, health: orchestrator, facts: {} },
    onFault: () => {},
  })
  await server.start()
  onTestFinished(() => server.stop())
  return {
    // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
    get: async (path: string) => (await fetch(`${server.address}/v1/analytics/${path}`)).json() as any,
    statements: () => statements,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('figures', () => {
  it('are worked out once for all who ask within the time, and then anew', async () => {
    const { get, statements, pass } = await serve()
    const first = await get('performance')
    const asked = statements()
    expect(asked).toBeGreaterThan(0)
    await orchestrator.createTask(request('single'))
    pass(keptMs - 1)
    expect(await get('performance?hours=24')).toEqual(first)
    expect(statements()).toBe(asked)
    pass(1)
    const second = await get('performance')
    expect(second.total_tasks).toBe(first.total_tasks + 1)
    expect(statements()).toBe(2 * asked)
  })

  it('are kept for each set of parameters', async () => {
    const { get, statements } = await serve()
    for (const path of ['performance?hours=1', 'performance?hours=2', 'bottlenecks', 'bottlenecks?min_executions=1']) {
      const before = statements()
      const answer = await get(path)
      expect(statements(), path).toBeGreaterThan(before)
      const after = statements()
      expect(await get(path)).toEqual(answer)
      expect(statements(), path).toBe(after)
    }
  })
})

describe('what is kept', () => {
  const scripted = (performance: (hours: number) => Promise<JsonText>) => ({ performance }) as OrchestrationReads

  it('is asked for once by those who come together, and again after a failure', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve('{}' as JsonText)]
    let asked = 0
    const reads = withKeptFigures(
      scripted(async () => {
        asked += 1
        return answers[asked - 1] ?? ('{"again":1}' as JsonText)
      }),
      { keptMs },
    )
    const together = await Promise.allSettled([reads.performance(1), reads.performance(1)])
    expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect([await reads.performance(1), await reads.performance(1), asked]).toEqual(['{}', '{}', 2])
  })

  it('is bounded: the oldest goes first', async () => {
    const asked: number[] = []
    const reads = withKeptFigures(
      scripted(async (hours) => {
        asked.push(hours)
        return '{}' as JsonText
      }),
      { keptMs, setsMax: 2 },
    )
    for (const hours of [1, 2, 3, 3, 2, 1]) await reads.performance(hours)
    expect(asked).toEqual([1, 2, 3, 1])
  })
})
