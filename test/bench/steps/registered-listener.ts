// Says that an orchestrator of ours will read the results, though none runs.
import { randomUUID } from 'node:crypto'
import type { Database } from '../../../src/postgres/database.ts'
import {
  heartbeatOrchestrator,
  leaveOrchestrator,
} from '../../../src/postgres/queries/orchestration/orchestrator-heartbeat.ts'

const heartbeatMs = 2_000

/** A row of `stephost.orchestrators` that is kept fresh: the orchestrator is off, but it is one of ours that will read the results. */
export class RegisteredListener {
  readonly #database: Database
  readonly #orchestrator = { orchestratorId: randomUUID(), host: 'bench' }
  #timer: NodeJS.Timeout | null = null
  #beat: Promise<unknown> = Promise.resolve()

  constructor(database: Database) {
    this.#database = database
  }

  async start(): Promise<void> {
    await heartbeatOrchestrator(this.#database, this.#orchestrator)
    this.#timer = setInterval(() => {
      this.#beat = heartbeatOrchestrator(this.#database, this.#orchestrator).catch(() => {})
    }, heartbeatMs)
  }

  async stop(): Promise<void> {
    if (this.#timer === null) return
    clearInterval(this.#timer)
    await this.#beat
    await leaveOrchestrator(this.#database, this.#orchestrator.orchestratorId)
  }
}
