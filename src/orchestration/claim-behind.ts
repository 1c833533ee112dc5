// The claim behind results and new tasks: what a transaction enqueues is claimed in it for the worker of this process, without a commit and a wake-up of its own.

import type { Claim, ClaimRequest } from '../model/claim-source.ts'
import { isHostError } from '../model/host-error.ts'
import type { WorkerId } from '../model/ids.ts'
import type {
  NewTask,
  NewTaskAnswer,
  OrchestrationStore,
  OrchestrationTransaction,
  TaskMove,
} from '../model/orchestration-store.ts'
import type { Neighbour, ReservedClaim } from '../model/result-judge.ts'
import { firstSteps } from './initial-steps.ts'

/** As many as one claim may take; more wait in the queue, in order. */
const stepsMax = 100

/** Of one transaction, which may run more than once. */
export class ClaimBehind {
  readonly #neighbour: Neighbour | null
  #reserved: ReservedClaim | null = null
  #claim: Claim | null = null

  constructor(neighbour: Neighbour | null) {
    this.#neighbour = neighbour
  }

  /** The last part of the transaction: moves the tasks, claims what they enqueue, commits. Resolves with the number of steps enqueued. */
  async finish(
    transaction: OrchestrationTransaction,
    moves: readonly TaskMove[],
    woken: WorkerId | null,
  ): Promise<number> {
    this.#claim = null
    if (moves.length === 0) return 0
    const request = this.#requestFor(stepsOf(moves))
    if (request === null) return transaction.moveTasks(moves, { last: true, woken })
    const { enqueued, claim } = await transaction.startTasks(moves, request)
    this.#claim = claim
    return enqueued
  }

  /** Makes tasks, and claims their first steps where they are few. */
  async create(
    store: Pick<OrchestrationStore, 'createTasks'>,
    tasks: readonly NewTask[],
  ): Promise<readonly NewTaskAnswer[]> {
    const steps = tasks.reduce((sum, task) => sum + firstSteps(task), 0)
    const request = this.#requestFor(steps)
    try {
      const { answers, claim } = await store.createTasks(tasks, request)
      this.#claim = claim
      // Without a claim everybody is notified.
      this.committed(request === null ? 0 : steps)
      return answers
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /** Steps that nobody has claimed yet are left to the worker's own claims. */
  committed(enqueued: number): void {
    const claimed = this.#claim?.steps.length ?? 0
    if (this.#claim === null) this.#reserved?.tookNothing()
    else this.#reserved?.took(this.#claim)
    if (enqueued > claimed) this.#neighbour?.wake()
  }

  failed(error: unknown): void {
    if (!isHostError(error, 'DATABASE_ANSWER_LOST')) {
      this.#reserved?.tookNothing()
      return
    }
    this.#reserved?.unknown()
    // If it took place, steps may have been enqueued of which nobody told the worker.
    this.#neighbour?.wake()
  }

  #requestFor(steps: number): ClaimRequest | null {
    if (steps === 0 || steps > stepsMax) return null
    this.#reserved ??= this.#neighbour?.reserve(steps) ?? null
    return this.#reserved?.request ?? null
  }
}

/** How many steps these moves enqueue; 0 too when they are of several queues. */
function stepsOf(moves: readonly TaskMove[]): number {
  const enqueues = moves.flatMap(({ enqueue }) => enqueue ?? [])
  if (enqueues.some(({ namespace }) => namespace !== enqueues[0]?.namespace)) return 0
  return enqueues.reduce((sum, { steps }) => sum + steps.length, 0)
}
