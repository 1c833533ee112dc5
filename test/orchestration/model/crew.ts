// The orchestrators and workers of one schedule: each dies when it is told to, without a word, and another takes its place at once.

import type { Worker } from '../../../src/dispatch/worker.ts'
import { messageOf } from '../../../src/model/host-error.ts'
import type { TransitionHistory } from '../../../src/model/orchestration-store.ts'
import { lateNeighbour, type Neighbour, type ResultJudge } from '../../../src/model/result-judge.ts'
import type { RuntimeAdapter } from '../../../src/model/runtime-adapter.ts'
import type { WakeUps } from '../../../src/model/wake-ups.ts'
import { backoffDefaults } from '../../../src/orchestration/backoff.ts'
import { Orchestrator } from '../../../src/orchestration/orchestrator.ts'
import { ResultProcessor } from '../../../src/orchestration/result-processor.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { PostgresStepStore } from '../../../src/postgres/postgres-step-store.ts'
import { orchestrationStore } from '../../../src/postgres/queries/orchestration/orchestration-store.ts'
import { startWorker } from '../../dispatch/workers.ts'
import { type Fate, MortalDatabase } from './mortal-database.ts'

export const leaseMs = 300
const noBackoff = { ...backoffDefaults, baseS: 0, jitterEnabled: false }

export interface CrewOptions {
  readonly database: Database
  readonly wakeUps: WakeUps | null
  readonly history: TransitionHistory
  readonly large: boolean
  readonly orchestrators: number
  readonly workers: number
  /** One for each life of a worker. */
  readonly adapter: () => RuntimeAdapter
}

interface Life<Part> {
  readonly mortal: MortalDatabase
  /** Rejects when it dies while it starts. */
  readonly part: Promise<Part>
}

export class Crew {
  readonly #options: CrewOptions
  readonly #orchestrators: Life<Orchestrator>[] = []
  readonly #workers: Life<Worker>[] = []
  /** What must not be, one sentence each. */
  readonly problems: string[] = []
  /** The dead, until they have noticed. */
  readonly #burials = new Set<Promise<unknown>>()
  #statements = 0
  #ending = false

  constructor(options: CrewOptions) {
    this.#options = options
  }

  /** Of all parts, the dead included. */
  get statements(): number {
    return this.#statements
  }

  async start(): Promise<void> {
    const { orchestrators, workers } = this.#options
    for (let which = 0; which < orchestrators; which += 1) this.#beginOrchestrator(which)
    for (let which = 0; which < workers; which += 1) this.#beginWorker(which)
    await Promise.all([...this.#orchestrators, ...this.#workers].map((life) => life.part))
  }

  /** The one that lives now. */
  orchestrator(which: number): Promise<Orchestrator> {
    return lifeAt(this.#orchestrators, which).part
  }

  crash(kind: 'worker' | 'orchestrator', which: number, fate: Fate): void {
    const lives: readonly Life<unknown>[] = kind === 'worker' ? this.#workers : this.#orchestrators
    lifeAt(lives, which).mortal.dieAt(fate)
  }

  /** Those that live end in good order. Resolves with the end of the dead, which takes a while longer and touches nothing. */
  async stop(): Promise<{ readonly buried: Promise<unknown> }> {
    this.#ending = true
    const lives = [...this.#orchestrators, ...this.#workers]
    await Promise.all(lives.map(async (life) => (await life.part.catch(() => null))?.stop()))
    return { buried: Promise.all(this.#burials) }
  }

  #beginOrchestrator(which: number): void {
    const mortal = this.#mortal(() => this.#beginOrchestrator(which))
    const orchestrator = new Orchestrator({
      store: orchestrationStore(mortal, { history: this.#options.history }),
      wakeUps: this.#options.wakeUps,
      onFault: ({ part, error }) => {
        if (!mortal.isDead)
          this.problems.push(`an orchestrator told of a fault in ${part}: ${error.code} ${error.message}`)
      },
      onWarning: (message) => this.problems.push(`an orchestrator warned: ${message}`),
      backoff: noBackoff,
      ...(this.#options.large ? { largeTaskSteps: 1 } : {}),
      timing: { ...timing, resultPollMs: this.#options.wakeUps === null ? 10 : 100 },
    })
    this.#orchestrators[which] = begun(
      mortal,
      orchestrator.start().then(() => orchestrator),
    )
  }

  #beginWorker(which: number): void {
    const mortal = this.#mortal(() => this.#beginWorker(which))
    const { wakeUps } = this.#options
    let started: Worker | null = null
    const neighbour = lateNeighbour(() => started?.neighbour ?? null)
    const judge = which % 2 === 0 ? this.#judge(mortal, neighbour) : null
    const worker = startWorker({ database: mortal }, this.#options.adapter(), {
      store: new PostgresStepStore(mortal, { leaseMs, judge }),
      ...{ leaseMs, heartbeatMs: 60, foreignRetryMs: 200, wakeUps, mode: wakeUps === null ? 'PollingOnly' : 'Hybrid' },
      ...{
        pollIntervalMs: 20,
        notifiedPollIntervalMs: 100,
        drainGraceMs: 200,
        cancelGraceMs: 100,
        shutdownMaxMs: 2_000,
      },
    })
    this.#workers[which] = begun(
      mortal,
      worker.then((one) => {
        started = one
        return one
      }),
    )
  }

  /** Every second worker shares its process, and its death, with an orchestrator. */
  #judge(mortal: MortalDatabase, neighbour: Neighbour): ResultJudge {
    const results = new ResultProcessor({
      ...{ store: orchestrationStore(mortal, { history: this.#options.history }), neighbour },
      backoff: noBackoff,
      ...(this.#options.large ? { largeTaskSteps: 1 } : {}),
    })
    return { completeJudged: (workerId, finished) => results.complete(workerId, finished) }
  }

  #mortal(replace: () => void): MortalDatabase {
    const mortal: MortalDatabase = new MortalDatabase(this.#options.database, {
      onStatement: () => {
        this.#statements += 1
      },
      onDeath: () => {
        this.#bury(mortal)
        if (!this.#ending) replace()
      },
    })
    return mortal
  }

  #bury(mortal: MortalDatabase): void {
    const life = [...this.#orchestrators, ...this.#workers].find((one) => one.mortal === mortal)
    const burial = (async () => {
      const part = await life?.part.catch(() => null)
      if (part === null || part === undefined) return
      if ('forceStop' in part) part.forceStop()
      await part.stop()
    })().catch((error: unknown) => this.problems.push(`a dead part could not be stopped: ${messageOf(error)}`))
    this.#burials.add(burial)
    void burial.finally(() => this.#burials.delete(burial))
  }
}

const timing = {
  ...{ retryPollMs: 100, sweepIntervalMs: 150, resendAfterMs: 1_500, stalledAfterMs: 300, heartbeatMs: 1_000 },
}

function begun<Part>(mortal: MortalDatabase, part: Promise<Part>): Life<Part> {
  // Whoever dies while it starts is replaced; nobody has to wait for it.
  part.catch(() => {})
  return { mortal, part }
}

function lifeAt<Part>(lives: readonly Life<Part>[], which: number): Life<Part> {
  const life = lives[which % lives.length]
  if (life === undefined) throw new Error('nobody was started')
  return life
}
