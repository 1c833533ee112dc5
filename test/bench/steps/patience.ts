// Waiting for work that may never end: until so much of it is done, or until patience ends.
import { setTimeout as delay } from 'node:timers/promises'
import type { LineProcess } from './line-process.ts'

/** Ends after `totalMaxS`, or when for `stillMaxS` nothing more was done. */
export interface Patience {
  readonly stillMaxS: number
  readonly totalMaxS: number
}

/** The same for our systems and for peers: jobs that wait, messages that came faster than they were done, and the jobs of a killed worker. */
export const patienceFor = {
  drain: { stillMaxS: 120, totalMaxS: 900 },
  messages: { stillMaxS: 30, totalMaxS: 30 },
  /** Peers take up the jobs of a dead worker after 30 s to 4 h; nobody waits for that here. */
  crash: { stillMaxS: 60, totalMaxS: 300 },
} as const

export interface Look {
  readonly done: number
  readonly tookMs: number
  readonly sinceStartMs: number
}

export interface Watch {
  readonly worker: Pick<LineProcess, 'name' | 'ended'>
  readonly patience: Patience
  look(): Promise<number>
  /** Until the next look. */
  restMs(look: Look): number
}

/** Resolves with how much is done: `count`, or less when patience ended before. Rejects when the worker ends too early. */
export async function waitUntilDone(count: number, { worker, patience, look, restMs }: Watch): Promise<number> {
  const startedAt = performance.now()
  let [most, progressAt] = [0, startedAt]
  for (;;) {
    const askedAt = performance.now()
    const ended = worker.ended
    const done = await look()
    const now = performance.now()
    if (done >= count) return done
    if (ended) throw new Error(`${worker.name} ended before ${count} were done`)
    if (done > most) [most, progressAt] = [done, now]
    const sinceStartMs = now - startedAt
    if (now - progressAt > patience.stillMaxS * 1000 || sinceStartMs > patience.totalMaxS * 1000) return done
    await delay(restMs({ done, tookMs: now - askedAt, sinceStartMs }))
  }
}
