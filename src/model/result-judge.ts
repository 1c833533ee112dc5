// Judges results in the transaction that stores them: what an orchestrator in the same process offers to the worker's store.

import type { Claim, ClaimRequest } from './claim-source.ts'
import type { WorkerId } from './ids.ts'
import type { JudgedAnswer } from './orchestration-store.ts'
import type { FinishedStep } from './step-store.ts'

export interface ResultJudge {
  /**
   * Results are stored and judged at once, and what follows from them is enqueued or started; they need no message. Those of tasks that somebody else holds
   * right now are answered `busy`, and not stored. null: nobody judges here now, or these cannot be judged together; nothing was stored. Rejects with
   * a HostError when it is unknown whether anything was stored.
   */
  completeJudged(workerId: WorkerId, finished: readonly FinishedStep[]): Promise<readonly JudgedAnswer[] | null>
}

/** The worker that shares a process with an orchestrator. */
export interface Neighbour {
  /** null while it stops, and before it has started: then it would not come for what nobody tells it of. */
  readonly workerId: WorkerId | null
  /** Steps may have been enqueued. */
  wake(): void
  /** Room to start so many steps in the transaction that enqueues them; null: they go into the queue. */
  reserve(steps: number): ReservedClaim | null
}

/** Of a worker that is made later than whoever asks it; null: it is not there yet. */
export function lateNeighbour(neighbour: () => Neighbour | null): Neighbour {
  return {
    get workerId() {
      return neighbour()?.workerId ?? null
    },
    wake: () => neighbour()?.wake(),
    reserve: (steps) => neighbour()?.reserve(steps) ?? null,
  }
}

/** One of the three ends is told, once the transaction has ended. */
export interface ReservedClaim {
  readonly request: ClaimRequest
  took(claim: Claim): void
  /** Nothing started, or the transaction did not take place. */
  tookNothing(): void
  /** Nobody knows whether the transaction took place. */
  unknown(): void
}
