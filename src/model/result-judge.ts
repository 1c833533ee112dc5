// Judges results in the transaction that stores them: what an orchestrator in the same process offers to the worker's store.

import type { WorkerId } from './ids.ts'
import type { CompletionAnswer, FinishedStep } from './step-store.ts'

/** Who stores, and how old the heartbeat of an orchestrator may be that counts as live. */
export interface CompletionSigner {
  readonly workerId: WorkerId
  readonly leaseMs: number
}

export interface ResultJudge {
  /**
   * The results of tasks that nobody else holds right now are stored and judged at once, and what follows from them is enqueued; the others
   * are stored with a message for whoever orchestrates. null: nobody judges here now, or these cannot be judged together; nothing was stored.
   * Rejects with a HostError when it is unknown whether anything was stored.
   */
  completeJudged(
    signer: CompletionSigner,
    finished: readonly FinishedStep[],
  ): Promise<readonly CompletionAnswer[] | null>
}
