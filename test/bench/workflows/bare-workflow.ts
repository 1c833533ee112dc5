// The statements of a workflow and nothing else: create, claim, hydrate, complete and judge, one after the other in a loop.
import { randomUUID } from 'node:crypto'
import { loadTemplates } from '../../../src/config/templates/load-templates.ts'
import type { ClaimRequest } from '../../../src/model/claim-source.ts'
import type { ClaimId, WorkerId } from '../../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../../src/model/json-text.ts'
import type { ReservedClaim } from '../../../src/model/result-judge.ts'
import type { ClaimedStep } from '../../../src/model/step-request.ts'
import type { FinishedStep } from '../../../src/model/step-store.ts'
import { ResultProcessor } from '../../../src/orchestration/result-processor.ts'
import { TaskInitializer } from '../../../src/orchestration/task-initializer.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { PgmqClaimSource } from '../../../src/postgres/pgmq-claim-source.ts'
import { PostgresStepStore } from '../../../src/postgres/postgres-step-store.ts'
import { orchestrationStore } from '../../../src/postgres/queries/orchestration/orchestration-store.ts'
import { workflowRequest, workflowRoot } from './workflow-stand.ts'

const leaseMs = 3_600_000
const result = '{"ok":true}' as JsonText

export class BareWorkflow {
  readonly #database: Database
  readonly #store: PostgresStepStore
  readonly #source: PgmqClaimSource
  readonly #processor: ResultProcessor
  readonly #initializer: TaskInitializer
  readonly #workerId = randomUUID() as string as WorkerId
  #runnable: { namedTaskId: never; templateStep: string }[] = []
  /** Claimed behind the results of the last turn. */
  #claimed: ClaimedStep[] = []

  constructor(database: Database) {
    this.#database = database
    const store = orchestrationStore(database)
    this.#store = new PostgresStepStore(database, { leaseMs })
    this.#source = new PgmqClaimSource(database, {
      ...{ namespaces: ['bench'], onClaim: 'archive' },
      ...{ foreignRetryMs: 1_000, foreignGraceMs: 60_000 },
    })
    const neighbour = { workerId: this.#workerId, wake: () => {}, reserve: (steps: number) => this.#reserve(steps) }
    this.#processor = new ResultProcessor({ store, neighbour })
    this.#initializer = new TaskInitializer({ store, onWarning: () => {} })
  }

  async prepare(): Promise<void> {
    const store = orchestrationStore(this.#database)
    const { templates } = loadTemplates({ roots: [workflowRoot], templatePath: null, strict: true })
    await store.registerTemplates(templates.map(({ template }) => template))
    await store.createQueues(['bench'])
    await store.heartbeat({ host: 'bench' })
    const named = await this.#store.load(['bench'])
    this.#runnable = named.flatMap(({ namedTaskId, steps }) =>
      steps.map(({ name }) => ({ namedTaskId: namedTaskId as never, templateStep: name })),
    )
    const runnable = this.#runnable
    await this.#store.register({ workerId: this.#workerId, host: 'bench', namespaces: ['bench'], runnable })
  }

  async create(name: string): Promise<string> {
    return (await this.#initializer.create(workflowRequest(name))).taskId
  }

  /** Claims, completes and judges up to so many steps; resolves with their number. */
  async turn(stepsMax: number): Promise<number> {
    const behind = this.#claimed.splice(0, stepsMax)
    const { steps } = behind.length > 0 ? { steps: behind } : await this.#source.claim(this.#request(stepsMax))
    if (steps.length === 0) return 0
    const requests = await this.#store.hydrate(steps)
    const finished = steps
      .filter((step) => requests.has(step.stepId))
      .map((step): FinishedStep => {
        const done = { success: true, result, metadata: emptyObject, executionTimeMs: 0, outcome: null } as const
        return { step, result: { ...done, stepId: step.stepId }, runtime: 'typescript', request: null }
      })
    await this.#processor.complete(this.#workerId, finished)
    return steps.length
  }
  #request(free: number): ClaimRequest {
    const claimId = randomUUID() as string as ClaimId
    return { workerId: this.#workerId, claimId, free, prefetch: 0, runnable: this.#runnable }
  }

  #reserve(steps: number): ReservedClaim {
    return {
      request: this.#request(steps),
      took: ({ steps }) => this.#claimed.push(...steps),
      ...{ tookNothing: () => {}, unknown: () => {} },
    }
  }
}
