// Consumes the results of steps: judge them, move the tasks on, enqueue what became ready, all in one transaction per batch.

import { messageOf } from '../model/host-error.ts'
import type { StepId, TaskId, WorkerId } from '../model/ids.ts'
import type {
  JudgedAnswer,
  OrchestrationStore,
  OrchestrationTransaction,
  StepMove,
  StepOutcome,
  TaskMove,
} from '../model/orchestration-store.ts'
import type { Neighbour } from '../model/result-judge.ts'
import type { FinishedStep } from '../model/step-store.ts'
import { type BackoffSettings, backoffDefaults } from './backoff.ts'
import { ClaimBehind } from './claim-behind.ts'
import { Expander } from './expansion.ts'
import { failedMove, judge } from './judgement.ts'
import { LargeTasks } from './large-tasks.ts'
import { outcomeLimitDefaults } from './outcomes.ts'

export interface ResultProcessorOptions {
  readonly store: OrchestrationStore
  readonly backoff?: BackoffSettings
  readonly batchMax?: number
  readonly expander?: Expander
  /** Tasks of so many steps are not counted after each batch of results. */
  readonly largeTaskSteps?: number
  /** Called after a commit in which steps began to wait, with the shortest wait. */
  readonly onRetryWait?: (backoffMs: number) => void
  /** The worker of this process, which needs no notification of its own steps; null: there is none. */
  readonly neighbour?: Neighbour | null
}

const batchMaxDefault = 200

/** Steps that no worker runs. */
const notStarted = ['pending', 'enqueued', 'waiting_for_retry'] as const

/** What a transaction has begun. */
interface Begun {
  readonly enqueued: number
  /** The shortest wait for a retry; null: there is none. */
  readonly waitMs: number | null
}

const nothing: Begun = { enqueued: 0, waitMs: null }

export class ResultProcessor {
  readonly #store: OrchestrationStore
  readonly #backoff: BackoffSettings
  readonly #batchMax: number
  readonly #onRetryWait: (backoffMs: number) => void
  readonly #neighbour: Neighbour | null
  readonly #expander: Expander
  readonly #largeTasks: LargeTasks

  constructor(options: ResultProcessorOptions) {
    this.#store = options.store
    this.#backoff = options.backoff ?? backoffDefaults
    this.#batchMax = options.batchMax ?? batchMaxDefault
    this.#expander = options.expander ?? new Expander(outcomeLimitDefaults)
    this.#largeTasks = new LargeTasks(options.largeTaskSteps)
    this.#onRetryWait = options.onRetryWait ?? (() => {})
    this.#neighbour = options.neighbour ?? null
  }

  /** Resolves with true when the queue may hold more. */
  async processBatch(): Promise<boolean> {
    let seen: readonly string[] = []
    try {
      const taken = await this.#process(null, (messageIds) => {
        seen = messageIds
      })
      return taken === this.#batchMax
    } catch (error) {
      if (!this.#store.isDataFault(error) || seen.length === 0) throw error
      await this.#processSingly(seen)
      return true
    }
  }

  /** Judges results that no message speaks of any more. */
  async processSteps(stepIds: readonly StepId[]): Promise<void> {
    if (stepIds.length === 0) return
    const begun = await this.#store.transaction(async (transaction) => {
      // The tasks are only known from the steps; what is judged is read again under the lock.
      const found = await transaction.outcomes(stepIds)
      return this.#apply(transaction, stepIds, [...new Set(found.map((outcome) => outcome.taskId))])
    })
    this.#tellOfWaits(begun)
  }

  /**
   * Stores results and judges them in the same transaction: what a message, its consumer and another commit would do otherwise. Rejects as the
   * store's transaction does.
   */
  async complete(workerId: WorkerId, finished: readonly FinishedStep[]): Promise<readonly JudgedAnswer[]> {
    const behind = new ClaimBehind(this.#neighbour)
    let done: { readonly answers: readonly JudgedAnswer[]; readonly begun: Begun }
    try {
      done = await this.#complete(workerId, finished, behind)
    } catch (error) {
      behind.failed(error)
      throw error
    }
    const { answers, begun } = done
    behind.committed(begun.enqueued)
    this.#tellOfWaits(begun)
    // What an earlier try stored may have been told to nobody.
    if (answers.some(({ status }) => status === 'already')) this.#neighbour?.wake()
    return answers
  }

  #complete(workerId: WorkerId, finished: readonly FinishedStep[], behind: ClaimBehind) {
    const plainIn = finished.map(({ step, result }) =>
      result.success ? this.#expander.plainIn(step.namedTaskId, step.templateStep) : null,
    )
    const done = byTask(finished)
    return this.#store.transaction(async (transaction) => {
      behind.begins()
      const [answers, moves] = await Promise.all([
        transaction.completeSteps(workerId, finished, plainIn),
        // Behind the results, and in vain when one of them has to be looked at.
        plainIn.includes(null) ? null : this.#largeTasks.moves(transaction, [...done.keys()], done),
      ])
      const end = (due: readonly TaskMove[]) => behind.finish(transaction, due)
      return { answers, begun: await this.#judgeStored(transaction, { finished, answers, moves, end }) }
    })
  }

  async #judgeStored(
    transaction: OrchestrationTransaction,
    { finished, answers, moves, end }: StoredResults,
  ): Promise<Begun> {
    const stored = answers.filter(({ status }) => status === 'stored')
    const taskOf = new Map(finished.map(({ step }) => [step.stepId, step.taskId]))
    const taskIds = new Set(stored.flatMap(({ stepId }) => taskOf.get(stepId) ?? []))
    if (moves !== null && stored.every(({ completes }) => completes)) {
      const due = moves.filter(({ taskId }) => taskIds.has(taskId))
      return { waitMs: null, enqueued: await end(due) }
    }
    const open = stored.filter(({ completes }) => !completes).map(({ stepId }) => stepId)
    const completed = new Set(stored.filter(({ completes }) => completes).map(({ stepId }) => stepId))
    const done = byTask(finished.filter(({ step }) => completed.has(step.stepId)))
    const outcomes = open.length === 0 ? [] : await transaction.outcomes(open)
    return this.#judge(transaction, outcomes, [...taskIds], { done, end })
  }

  /** One message spoils a batch only once: each is tried alone, and the one that still fails is set aside. */
  async #processSingly(messageIds: readonly string[]): Promise<void> {
    for (const messageId of messageIds) {
      try {
        await this.#process([messageId], () => {})
      } catch (error) {
        if (!this.#store.isDataFault(error)) throw error
        await this.#store.rejectResult(messageId, `the result could not be processed: ${messageOf(error)}`)
      }
    }
  }

  async #process(only: readonly string[] | null, onTaken: (messageIds: readonly string[]) => void): Promise<number> {
    const { taken, begun } = await this.#store.transaction(async (transaction) => {
      const messages = await transaction.takeResults({ max: this.#batchMax, only })
      onTaken(messages.results.map((result) => result.messageId))
      if (messages.results.length === 0) return { taken: messages.taken, begun: nothing }
      const stepIds = messages.results.map((result) => result.stepId)
      const taskIds = [...new Set(messages.results.map((result) => result.taskId))]
      return { taken: messages.taken, begun: await this.#apply(transaction, stepIds, taskIds) }
    })
    this.#tellOfWaits(begun)
    return taken
  }

  async #apply(
    transaction: OrchestrationTransaction,
    stepIds: readonly StepId[],
    taskIds: readonly TaskId[],
  ): Promise<Begun> {
    if (taskIds.length === 0) return nothing
    // One behind the other: each statement sees what was committed before it began.
    const [, outcomes] = await Promise.all([transaction.lockTasks(taskIds), transaction.outcomes(stepIds)])
    return this.#judge(transaction, outcomes, taskIds, { done: new Map(), end: moveLast(transaction) })
  }

  #tellOfWaits({ waitMs }: Begun): void {
    if (waitMs !== null) this.#onRetryWait(waitMs)
  }

  /** The tasks must be locked; it is the last part of the transaction. `done`: steps that completed in it before. */
  async #judge(
    transaction: OrchestrationTransaction,
    outcomes: readonly StepOutcome[],
    taskIds: readonly TaskId[],
    { done, end }: { readonly done: ReadonlyMap<TaskId, readonly StepId[]>; readonly end: LastMoves },
  ): Promise<Begun> {
    if (taskIds.length === 0) return nothing
    const judged = outcomes.map((outcome) => judge(outcome, this.#backoff, Math.random))
    const succeeded = outcomes.filter(
      ({ state }, index) => state === 'enqueued_for_orchestration' && judged[index]?.to === 'complete',
    )
    const { problems, steps, edges } = await this.#expander.plan(transaction, succeeded)
    const moves = judged.map((move, index) => {
      const [outcome, problem] = [outcomes[index], problems.get(move.stepId)]
      return outcome === undefined || problem === undefined ? move : failedMove(outcome, problem, problem)
    })
    const finished = completedAlone({ taskIds, outcomes, moves, done, grown: [...steps, ...edges] })
    const failed = outcomes.filter((one, i) => one.failureStrategy === 'fail_fast' && moves[i]?.to === 'error')
    const moved = moves.length === 0 ? null : transaction.moveSteps(moves)
    if (steps.length + edges.length + failed.length > 0) {
      await moved
      await transaction.createSteps(steps, edges)
      await cancelSiblings(transaction, failed)
    }
    const [due] = await Promise.all([this.#largeTasks.moves(transaction, taskIds, finished), moved])
    const enqueued = await end(due)
    const waits = moves.map((move) => move.backoffMs).filter((waitMs) => waitMs !== null)
    const waitMs = waits.length === 0 ? null : waits.reduce((shortest, one) => Math.min(shortest, one))
    return { enqueued, waitMs }
  }
}

/** `moves`: of all tasks, for the case that all results are successes which make nothing; null: that is known not to be so. */
interface StoredResults {
  readonly finished: readonly FinishedStep[]
  readonly answers: readonly JudgedAnswer[]
  readonly moves: readonly TaskMove[] | null
  readonly end: LastMoves
}

/** Moves tasks and commits; resolves with the number of steps enqueued. */
type LastMoves = (moves: readonly TaskMove[]) => Promise<number>

function moveLast(transaction: OrchestrationTransaction): LastMoves {
  return async (moves) => (moves.length === 0 ? 0 : transaction.moveTasks(moves, { last: true }))
}

/** The completed steps of those tasks in which nothing else happened but waits for retries. */
function completedAlone(batch: {
  readonly taskIds: readonly TaskId[]
  readonly outcomes: readonly StepOutcome[]
  readonly moves: readonly StepMove[]
  readonly done: ReadonlyMap<TaskId, readonly StepId[]>
  readonly grown: readonly { readonly taskId: TaskId }[]
}): ReadonlyMap<TaskId, readonly StepId[]> {
  const finished = new Map<TaskId, StepId[]>(
    batch.taskIds.map((taskId) => [taskId, [...(batch.done.get(taskId) ?? [])]]),
  )
  for (const [index, { stepId, to }] of batch.moves.entries()) {
    const taskId = batch.outcomes[index]?.taskId
    if (taskId === undefined) continue
    if (to === 'complete') finished.get(taskId)?.push(stepId)
    else if (to !== 'waiting_for_retry') finished.delete(taskId)
  }
  for (const { taskId } of batch.grown) finished.delete(taskId)
  return finished
}

function byTask(finished: readonly FinishedStep[]): ReadonlyMap<TaskId, readonly StepId[]> {
  const steps = new Map<TaskId, StepId[]>()
  for (const { step } of finished) steps.set(step.taskId, [...(steps.get(step.taskId) ?? []), step.stepId])
  return steps
}

/** `fail_fast`: with one worker of a batch for good, those that no worker runs are not worth starting. */
async function cancelSiblings(transaction: OrchestrationTransaction, failed: readonly StepOutcome[]): Promise<void> {
  if (failed.length === 0) return
  const stepIds = await transaction.batchSiblings(failed.map(({ stepId }) => stepId))
  const taskIds = [...new Set(failed.map(({ taskId }) => taskId))]
  if (stepIds.length > 0) await transaction.cancelSteps({ taskIds, stepIds, states: notStarted })
}
