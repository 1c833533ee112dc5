// What messages that come one by one need of a system: somebody who sends them, a worker, and what the database shows afterwards.
import type { Database } from '../../../src/postgres/database.ts'
import type { Bench } from './bench-options.ts'
import type { LatencySource } from './latencies.ts'
import type { LineProcess } from './line-process.ts'

/** What a handler does, and how many messages there are for it: `stamp` nothing, `sleep` waits for 5 ms, `spin` computes for 2 s. */
export type MessageWork = 'stamp' | 'sleep' | 'spin'
export type MessageCounts = Readonly<Partial<Record<MessageWork, number>>>

export interface MessageSystem {
  readonly name: string
  /** Of ours, when this is a peer. */
  readonly beside: string | null
  /** Of the messages that are sent one after the other: slow systems need fewer for the same certainty. */
  readonly sequenceShare: number
  with<T>(bench: Bench, counts: MessageCounts, work: (stand: MessageStand) => Promise<T>): Promise<T>
}

export interface MessageStand {
  readonly url: string
  readonly database: Database
  /** As of openSender. */
  readonly send: string
  /** As of keysOf. */
  keys(work: MessageWork): string
  results(work: MessageWork): LatencySource
  /** Stops it when the stand goes. */
  adopt(child: LineProcess): void
  /** Resolves when it is ready. `facts`: its version and settings. */
  worker(): Promise<{ process: LineProcess; facts: Readonly<Record<string, unknown>> }>
  /** Resolves when all results are durable, or has waited as long as for every other system; with how many are missing. */
  settled(worker: LineProcess): Promise<number>
  answers(): Promise<Answers>
  /** Rejects with a NoFigure when a message was lost or has more than one result; of ours, one is lost that has no result yet. */
  verify(): Promise<void>
}

/** How the sender of one message at a time learns that its result is durable. */
export interface Answers {
  /** Asked before the message is sent; what it returns resolves when the result is there. */
  next(): () => Promise<unknown>
  close(): Promise<void>
}

export const totalOf = (counts: MessageCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
