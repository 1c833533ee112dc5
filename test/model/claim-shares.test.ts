// One claim from several queues, whatever is behind them: who is looked into, with how much room, and what becomes of it when a look fails.
import { describe, expect, it } from 'vitest'
import { ClaimShares, type LookedInto } from '../../src/model/claim-shares.ts'
import type { ClaimRequest } from '../../src/model/claim-source.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'

interface Queue {
  /** Of all its steps. */
  readonly weight: number
  steps: number
  /** Its own limit is full. */
  blocked?: boolean
  broken?: boolean
  /** They are not claimed ahead. */
  lastAttempts?: boolean
}

/** Queues in memory, and every look at them. */
class Queues {
  readonly shares = new ClaimShares()
  readonly looks: { namespace: string; free: number; prefetch: number }[] = []
  readonly failures: string[] = []
  readonly #queues: Record<string, Queue>

  constructor(queues: Record<string, Queue>) {
    this.#queues = queues
  }

  get ready(): string[] {
    return Object.entries(this.#queues).flatMap(([name, { steps }]) => (steps > 0 ? [name] : []))
  }

  weightOf(namespace: string): number {
    return this.#queues[namespace]?.weight ?? 1
  }

  request(free: number, prefetch = 0): ClaimRequest {
    const names = Object.keys(this.#queues)
    const runnable = names.map((name) => ({ namedTaskId: name, templateStep: 'work' }))
    const places = names.map((name) => ({ handler: null, language: null, weight: this.weightOf(name) }))
    const lanes = { handlers: [], languages: [], namespaces: new Map(), places }
    return { workerId: 'w', claimId: 'c', free, prefetch, runnable, lanes } as unknown as ClaimRequest
  }

  /** The namespaces of what is claimed, and whether all was seen. */
  async claim(free: number, prefetch = 0): Promise<{ got: string[]; sawAll: boolean }> {
    const got: string[] = []
    const look = (namespace: string, room: ClaimRequest) => this.#look(namespace, room, got)
    const failed = (error: unknown) => this.failures.push(String(error))
    return { got, sawAll: await this.shares.claim(this.request(free, prefetch), this.ready, look, failed) }
  }

  async #look(namespace: string, room: ClaimRequest, got: string[]): Promise<LookedInto> {
    let { free, prefetch } = room
    this.looks.push({ namespace, free, prefetch })
    const queue = this.#queues[namespace] ?? { weight: 1, steps: 0 }
    if (queue.broken) throw new Error(`${namespace} is broken`)
    const steps: ClaimedStep[] = []
    while (!queue.blocked && queue.steps > 0 && (free >= queue.weight || (!queue.lastAttempts && prefetch > 0))) {
      if (free >= queue.weight) free -= queue.weight
      else prefetch -= 1
      queue.steps -= 1
      got.push(namespace)
      steps.push({ namespace, namedTaskId: namespace, templateStep: 'work' } as unknown as ClaimedStep)
    }
    const nextWeighs = queue.steps > 0 && !queue.blocked ? queue.weight : null
    return { steps, hasMore: queue.steps > 0, nextWeighs }
  }
}

const endless = 1_000_000
const count = (got: readonly string[], name: string) => got.filter((other) => other === name).length

describe('the shares of a claim', () => {
  /** All permits are in use, and come back one by one; each is worth a claim. */
  async function runOneByOne(queues: Queues, permits: number, claims: number, prefetch = 0): Promise<string[]> {
    let free = permits
    const running: string[] = []
    const begun: string[] = []
    for (let nth = 0; nth < claims; nth += 1) {
      const { got } = await queues.claim(free, prefetch)
      for (const namespace of got) free -= queues.weightOf(namespace)
      running.push(...got)
      begun.push(...got)
      const ended = running.shift()
      if (ended !== undefined) free += queues.weightOf(ended)
    }
    return begun
  }

  it('let a heavy step save up what comes back token by token', async () => {
    const queues = new Queues({ light: { weight: 1, steps: endless }, heavy: { weight: 3, steps: endless } })
    const begun = await runOneByOne(queues, 4, 400)
    const [heavy, light] = [3 * count(begun, 'heavy'), count(begun, 'light')]
    expect(heavy).toBeGreaterThan(100)
    expect(Math.abs(heavy - light)).toBeLessThanOrEqual(8)
  })

  it.each([
    [{ a: 8, b: 1, c: 1 }, 8],
    [{ a: 3, b: 3, c: 1, d: 1 }, 4],
    [{ a: 5, b: 4, c: 3, d: 1, e: 1 }, 7],
  ])('give steps that weigh %o the same number of tokens', async (weights, permits) => {
    const entries = Object.entries(weights).map(([name, weight]) => [name, { weight, steps: endless }] as const)
    const queues = new Queues(Object.fromEntries(entries))
    const begun = await runOneByOne(queues, permits, 3_000)
    const tokens = Object.entries(weights).map(([name, weight]) => weight * count(begun, name))
    expect(Math.max(...tokens) - Math.min(...tokens)).toBeLessThanOrEqual(4 * permits)
  })

  it('leave idle only what is being saved up', async () => {
    const queues = new Queues({ light: { weight: 1, steps: endless }, heavy: { weight: 3, steps: endless } })
    for (let nth = 0; nth < 20; nth += 1) {
      const { got } = await queues.claim(4)
      expect(3 * count(got, 'heavy') + count(got, 'light')).toBe(4)
    }
  })

  it('save nothing for a namespace whose own limit is full, nor for one that has nothing', async () => {
    const queue: Queue = { weight: 3, steps: endless, blocked: true }
    const queues = new Queues({ blocked: queue, light: { weight: 1, steps: endless } })
    for (let nth = 0; nth < 50; nth += 1) expect((await queues.claim(2)).got).toEqual(['light', 'light'])
    queue.blocked = false
    const { got } = await queues.claim(12)
    expect([count(got, 'blocked'), count(got, 'light')]).toEqual([2, 6])
  })

  it('claim nothing ahead of last attempts for ever', async () => {
    const queues = new Queues({
      patient: { weight: 1, steps: endless },
      last: { weight: 1, steps: endless, lastAttempts: true },
    })
    const claims: string[][] = []
    for (let nth = 0; nth < 10; nth += 1) claims.push((await queues.claim(0, 10)).got)
    // What was claimed ahead takes every token until then.
    expect(claims.slice(2).flat()).toEqual([])
    expect((await queues.claim(1, 9)).got[0]).toBe('last')
  })

  it('begin with what may start, and split the rest', async () => {
    const queues = new Queues({ a: { weight: 1, steps: endless }, b: { weight: 1, steps: endless } })
    await queues.claim(3, 5)
    expect(queues.looks).toEqual([
      { namespace: 'a', free: 3, prefetch: 1 },
      { namespace: 'b', free: 0, prefetch: 4 },
    ])
  })

  it('give a single one all of the room, and nobody a look without room', async () => {
    const one = new Queues({ a: { weight: 1, steps: 5 } })
    expect(await one.claim(0)).toEqual({ got: [], sawAll: false })
    expect(await one.claim(3, 1)).toEqual({ got: ['a', 'a', 'a', 'a'], sawAll: true })
    expect(one.looks).toEqual([{ namespace: 'a', free: 3, prefetch: 1 }])
    const two = new Queues({ a: { weight: 1, steps: 5 }, b: { weight: 1, steps: 5 } })
    expect(await two.claim(0)).toEqual({ got: [], sawAll: false })
    expect(two.looks).toEqual([])
    expect(await new Queues({}).claim(4)).toEqual({ got: [], sawAll: true })
  })

  it('tell that somebody was not looked into for want of room, who is first the next time', async () => {
    const queues = new Queues({ a: { weight: 1, steps: 9 }, b: { weight: 1, steps: 9 }, c: { weight: 1, steps: 9 } })
    const claims = [await queues.claim(1), await queues.claim(1), await queues.claim(1)]
    expect(claims.map(({ sawAll }) => sawAll)).toEqual([false, false, false])
    expect(claims.flatMap(({ got }) => got).toSorted()).toEqual(['a', 'b', 'c'])
  })

  it('give everybody else his turn while the look at one fails each time', async () => {
    const queues = new Queues({
      broken: { weight: 1, steps: 9, broken: true },
      torn: { weight: 1, steps: 9, broken: true },
      whole: { weight: 1, steps: endless },
    })
    let failed = 0
    const got: string[] = []
    for (let nth = 0; nth < 20; nth += 1) {
      const claimed = await queues.claim(6).catch((error: Error) => error)
      if (claimed instanceof Error) failed += 1
      else got.push(...claimed.got)
      if (!(claimed instanceof Error)) expect(claimed.sawAll).toBe(false)
    }
    expect(failed).toBe(2)
    expect(count(got, 'whole')).toBeGreaterThanOrEqual(18 * 2)
    expect(new Set(queues.failures)).toEqual(new Set(['Error: broken is broken', 'Error: torn is broken']))
  })

  it('look no further once a look has failed: the steps at hand wait to begin', async () => {
    const queues = new Queues({
      first: { weight: 1, steps: endless },
      broken: { weight: 1, steps: 9, broken: true },
      last: { weight: 1, steps: endless },
    })
    const { got, sawAll } = await queues.claim(6)
    expect(got).toEqual(['first', 'first'])
    expect(queues.looks.map(({ namespace }) => namespace)).toEqual(['first', 'broken'])
    expect(sawAll).toBe(false)
  })

  it('count a look that found nothing as an answer: what it hid must be told', async () => {
    const queues = new Queues({
      full: { weight: 1, steps: 9, blocked: true },
      broken: { weight: 1, steps: 9, broken: true },
    })
    expect(await queues.claim(4)).toEqual({ got: [], sawAll: false })
    expect(queues.failures).toEqual(['Error: broken is broken'])
  })

  it('give one that failed for long its share again as soon as it is whole', async () => {
    const broken: Queue = { weight: 1, steps: endless, broken: true }
    const queues = new Queues({ broken, whole: { weight: 1, steps: endless } })
    for (let nth = 0; nth < 100; nth += 1) await queues.claim(4).catch(() => undefined)
    broken.broken = false
    const got: string[] = []
    for (let nth = 0; nth < 10; nth += 1) got.push(...(await queues.claim(4)).got)
    expect(count(got, 'broken')).toBeGreaterThanOrEqual(12)
  })
})
