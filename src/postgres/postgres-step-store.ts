// The step store on PostgreSQL: one query per operation, and the search for the one result that a statement cannot take.

import type { RunnableStep } from '../model/claim-source.ts'
import { HostError, messageOf } from '../model/host-error.ts'
import type { ClaimToken, StepId, WorkerId } from '../model/ids.ts'
import type { JsonText } from '../model/json-text.ts'
import type { JudgedAnswer } from '../model/orchestration-store.ts'
import type { ResultJudge } from '../model/result-judge.ts'
import type { CheckpointAck } from '../model/runtime-adapter.ts'
import { type OutgoingMessages, resultQueue, type StepMessage } from '../model/step-message.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type {
  CompletionAnswer,
  EndedClaims,
  FinishedStep,
  Heartbeat,
  LostWorker,
  NamedTaskSource,
  NamedTaskSteps,
  OwnedStep,
  Recovery,
  RecoveryOptions,
  StepStore,
  WorkerAnnouncements,
  WorkerRegistration,
  WorkerRegistry,
} from '../model/step-store.ts'
import { visibleChannel } from '../model/wake-ups.ts'
import type { Database } from './database.ts'
import { sqlStateOf } from './database-fault.ts'
import { completeSteps } from './queries/complete-steps.ts'
import { endedClaims } from './queries/ended-claims.ts'
import { forgetRejectedMessages } from './queries/forget-rejected-messages.ts'
import { hydrateSteps } from './queries/hydrate-steps.ts'
import { loadNamedTasks } from './queries/load-named-tasks.ts'
import { ownSteps } from './queries/noted-claims.ts'
import { notifyChannels } from './queries/notify-channels.ts'
import {
  declareDeadWorkers,
  forgetDeadWorkers,
  noteSweptWorkers,
  recoverSteps,
  tryRecoveryLock,
} from './queries/recover-steps.ts'
import { releaseSteps } from './queries/release-steps.ts'
import { storeCheckpoint } from './queries/store-checkpoint.ts'
import { heartbeatWorker, leaveWorker, registerWorker, updateWorkerNamespaces } from './queries/worker-lease.ts'
import { workersLostWith } from './queries/workers-lost-with.ts'
import type { Queryable } from './statement.ts'
import { StepDefinitions } from './step-definitions.ts'

/** Steps of one transaction, and transactions of one recovery. */
const recoveredStepsMax = 1000
const recoveryPassesMax = 50

export class PostgresStepStore implements StepStore, EndedClaims, NamedTaskSource, WorkerRegistry, WorkerAnnouncements {
  readonly #database: Database
  readonly #heartbeats: Queryable
  readonly #queues: Queryable
  readonly #leaseMs: number
  readonly #definitions: StepDefinitions
  readonly #outgoing: OutgoingMessages | null
  readonly #judge: ResultJudge | null

  /**
   * `outgoing`: takes the messages after the commit; null: the queues are in this database, and every statement sends its own.
   * `judge`: an orchestrator in this process whose tasks and queues are in this database. `heartbeats`: a connection that no other statement waits for. `queues`: where others listen for messages. Default of both: `database`.
   */
  constructor(
    database: Database,
    options: {
      leaseMs: number
      outgoing?: OutgoingMessages | null
      heartbeats?: Queryable
      queues?: Queryable
      judge?: ResultJudge | null
    },
  ) {
    this.#database = database
    this.#heartbeats = options.heartbeats ?? database
    this.#queues = options.queues ?? database
    this.#leaseMs = options.leaseMs
    this.#definitions = new StepDefinitions(database)
    this.#outgoing = options.outgoing ?? null
    this.#judge = options.judge ?? null
  }

  hydrate(steps: readonly ClaimedStep[]): Promise<ReadonlyMap<StepId, StepRequest>> {
    return hydrateSteps(this.#database, steps, this.#definitions)
  }

  async complete(workerId: WorkerId, finished: readonly FinishedStep[]): Promise<readonly CompletionAnswer[]> {
    const judged = (await this.#judge?.completeJudged(workerId, finished)) ?? null
    if (judged === null) return this.#completeByMessage(workerId, finished)
    const busy = new Set(judged.filter(({ status }) => status === 'busy').map(({ stepId }) => stepId))
    const others = busy.size === 0 ? [] : finished.filter(({ step }) => busy.has(step.stepId))
    const told = others.length === 0 ? [] : await this.#completeByMessage(workerId, others)
    const before = new Set(told.filter(({ status }) => status === 'already').map(({ stepId }) => stepId))
    // The try that stored them held their tasks, and its answer was lost: the judge wakes whoever was not told, when it hears of them.
    if (before.size > 0)
      await this.#judge?.completeJudged(
        workerId,
        others.filter(({ step }) => before.has(step.stepId)),
      )
    return [...told, ...judged.flatMap(answered)]
  }

  /** A batch that fails on data is halved until the offender stands alone; the others are stored. */
  async #completeByMessage(
    workerId: WorkerId,
    finished: readonly FinishedStep[],
  ): Promise<readonly CompletionAnswer[]> {
    try {
      const how = this.#outgoing === null ? 'messages' : 'silent'
      const answers = (
        await completeSteps(this.#database, finished, { workerId, leaseMs: this.#leaseMs, how })
      ).flatMap(answered)
      this.#outgoing?.accept(resultMessages(finished, answers), 0)
      return answers
    } catch (error) {
      if (!isDataFault(error)) throw error
      const [only] = finished
      if (only !== undefined && finished.length === 1) {
        return [{ stepId: only.step.stepId, status: 'invalid', reason: (error as HostError).message }]
      }
      const half = Math.ceil(finished.length / 2)
      const first = await this.#completeByMessage(workerId, finished.slice(0, half))
      return [...first, ...(await this.#completeByMessage(workerId, finished.slice(half)))]
    }
  }

  /** A fault of the data that the checks did not foresee is an answer too: the handler should hear of it. */
  async checkpoint(step: { stepId: StepId; token: ClaimToken }, data: JsonText): Promise<CheckpointAck> {
    try {
      return await storeCheckpoint(this.#database, step.token, data)
    } catch (error) {
      if (!isDataFault(error)) throw error
      return { stored: false, message: `The database cannot store the checkpoint: ${messageOf(error)}` }
    }
  }

  async release(
    steps: readonly { stepId: StepId; token: ClaimToken }[],
    options: { delayMs: number; reason: string },
  ): Promise<number> {
    const messages = await releaseSteps(this.#database, steps, { ...options, sends: this.#outgoing === null })
    this.#outgoing?.accept(messages, options.delayMs)
    return messages.length
  }

  workersLostWith(step: StepId): Promise<readonly LostWorker[]> {
    return workersLostWith(this.#database, step)
  }

  endedClaims(claims: readonly ClaimToken[]): Promise<readonly ClaimToken[]> {
    return endedClaims(this.#database, claims)
  }

  announceVisible(namespaces: readonly string[]): Promise<void> {
    return notifyChannels(this.#queues, namespaces.map(visibleChannel))
  }

  updateNamespaces(workerId: WorkerId, namespaces: readonly string[]): Promise<void> {
    return updateWorkerNamespaces(this.#database, workerId, namespaces)
  }

  load(namespaces: readonly string[]): Promise<readonly NamedTaskSteps[]> {
    return loadNamedTasks(this.#database, namespaces)
  }

  register(registration: WorkerRegistration): Promise<void> {
    return registerWorker(this.#heartbeats, registration)
  }

  heartbeat(workerId: WorkerId, { runnable }: { runnable: readonly RunnableStep[] | null }): Promise<Heartbeat | null> {
    return heartbeatWorker(this.#heartbeats, workerId, { leaseMs: this.#leaseMs, runnable })
  }

  ownSteps(workerId: WorkerId): Promise<readonly OwnedStep[]> {
    return ownSteps(this.#database, workerId)
  }

  /** In several transactions when there is much to take back, so that no lock is held for long. */
  async recover(options: RecoveryOptions): Promise<Recovery> {
    const declaredDead: WorkerId[] = []
    let [requeued, failed] = [0, 0]
    for (let passes = 0; passes < recoveryPassesMax; passes += 1) {
      const pass = await this.#recoverOnce(options)
      if (pass === null) break
      declaredDead.push(...pass.declaredDead)
      requeued += pass.requeued
      failed += pass.failed
      if (pass.requeued + pass.failed < recoveredStepsMax) break
    }
    return { declaredDead, requeued, failed }
  }

  leave(workerId: WorkerId, options: { unknownClaims: boolean }): Promise<void> {
    return leaveWorker(this.#database, workerId, options)
  }

  /** null: another worker recovers right now. */
  async #recoverOnce({ workerId, leaseMs, mayJudge }: RecoveryOptions): Promise<Recovery | null> {
    const sends = this.#outgoing === null
    const recovered = await this.#database.transaction(async (transaction) => {
      if (!(await tryRecoveryLock(transaction, leaseMs))) return null
      const declaredDead = mayJudge ? await declareDeadWorkers(transaction, { judge: workerId, leaseMs }) : []
      const swept = await recoverSteps(transaction, { stepsMax: recoveredStepsMax, sends })
      // What a full sweep has left behind is for the next one.
      if (swept.requeued + swept.failed < recoveredStepsMax) await noteSweptWorkers(transaction, leaseMs)
      await forgetDeadWorkers(transaction)
      await forgetRejectedMessages(transaction)
      return { declaredDead, ...swept }
    })
    if (recovered === null) return null
    const { messages, ...recovery } = recovered
    this.#outgoing?.accept(messages, 0)
    return recovery
  }
}

function answered({ stepId, status, reason }: JudgedAnswer): readonly CompletionAnswer[] {
  return status === 'busy' ? [] : [{ stepId, status, reason }]
}

/** A result that an earlier try stored is told again: the try may have ended before it was told. */
function resultMessages(
  finished: readonly FinishedStep[],
  answers: readonly CompletionAnswer[],
): readonly StepMessage[] {
  const stored = new Set(
    answers.filter(({ status }) => status === 'stored' || status === 'already').map((a) => a.stepId),
  )
  return finished
    .filter(({ step }) => stored.has(step.stepId))
    .map(({ step: { stepId, taskId, correlationId } }) => ({ queue: resultQueue, stepId, taskId, correlationId }))
}

/** Class 22 (data), 54001 (nested too deep) and 23505 (unique): the batch holds a row that the statement can never take. */
function isDataFault(error: unknown): boolean {
  const state = error instanceof HostError ? sqlStateOf(error) : null
  return state !== null && (state.startsWith('22') || state === '54001' || state === '23505')
}
