// Does to the processes and to PostgreSQL what a schedule says, and knows by facts when it is done.
import { messageOf } from '../../src/model/host-error.ts'
import type { Database } from '../../src/postgres/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import { tell } from './host-process.ts'
import type { ProcessSlot } from './process-slot.ts'
import type { Action } from './schedule.ts'

export interface ActionPerformerParts {
  readonly cluster: ChaosCluster
  /** Connections of the run itself; they are lost with the server as all others are. */
  readonly database: Database
  readonly workers: readonly ProcessSlot[]
  readonly orchestrator: ProcessSlot
  /** No step is under way any more, so that what waits for one would wait for ever. */
  allDone(): boolean
}

const factMs = 180_000

export class ActionPerformer {
  readonly #parts: ActionPerformerParts
  /** Two of a kind at one place would undo each other, so they take turns. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(parts: ActionPerformerParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the blow has fallen and, for a pause, when it is over; with false when there was nothing left for it to hit. Rejects when
   * a fact did not come about.
   */
  perform(action: Action): Promise<boolean> {
    const places = placesOf(action)
    const turn = Promise.all(places.map((place) => this.#turns.get(place))).then(() => this.#perform(action))
    for (const place of places) {
      this.#turns.set(
        place,
        turn.catch(() => {}),
      )
    }
    return turn
  }

  async #perform(action: Action): Promise<boolean> {
    switch (action.kind) {
      case 'kill-worker':
        await this.#worker(action.worker).kill()
        return true
      case 'drain-worker':
        await this.#worker(action.worker).drain()
        return true
      case 'kill-orchestrator':
        await this.#parts.orchestrator.kill()
        return true
      case 'restart-database':
        await this.#parts.cluster.restart(action.how)
        return true
      case 'kill-sidecar':
        return this.#killSidecar(action)
      case 'kill-backends':
        return this.#terminate(this.#worker(action.worker), '%')
      case 'cut-listener':
        return this.#terminate(this.#worker(action.worker), 'stephost listener')
      case 'pause-worker':
        return this.#pause(action)
      case 'drop-answers':
        return this.#dropAnswer(action)
    }
  }

  #worker(index: number): ProcessSlot {
    const slot = this.#parts.workers[index]
    if (slot === undefined) throw new Error(`there is no worker ${index}`)
    return slot
  }

  async #killSidecar({ worker, language }: Extract<Action, { kind: 'kill-sidecar' }>): Promise<boolean> {
    const pid = await eventually(
      `worker ${worker} has a ${language} sidecar`,
      () => this.#worker(worker).process.descendants(language)[0],
      factMs,
    )
    tell(pid, 'SIGKILL')
    return true
  }

  async #terminate(slot: ProcessSlot, applicationName: string): Promise<boolean> {
    await slot.ready()
    const ended = await this.#ask(
      'backends are terminated',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE $2 AND client_port = ANY ($1::int[])`,
      [slot.door.backendPorts(), applicationName],
    )
    return ended.length > 0
  }

  async #pause({ worker, alone }: Extract<Action, { kind: 'pause-worker' }>): Promise<boolean> {
    const { process, address } = await this.#worker(worker).ready()
    const response = await fetch(`${address}/health`).catch(() => null)
    // It ended at this very moment.
    if (response === null) return false
    const { worker_id } = (await response.json()) as { worker_id: string }
    const signal = (name: NodeJS.Signals) => (alone ? process.signal(name) : process.signalAll(name))
    signal('SIGSTOP')
    try {
      await eventually(
        `worker ${worker}, paused as ${worker_id}, is declared dead`,
        async () => process.hasEnded || (await this.#isDead(worker_id.replace(/^worker-/, ''))),
        factMs,
      )
    } finally {
      signal('SIGCONT')
    }
    return true
  }

  /** Also when no row of it is left, or another registration has taken its place. */
  async #isDead(workerId: string): Promise<boolean> {
    const rows = await this.#ask(
      'the workers are read',
      'SELECT FROM stephost.workers WHERE worker_uuid = $1::uuid AND declared_dead_at IS NULL',
      [workerId],
    )
    return rows.length === 0
  }

  async #dropAnswer({ worker, statement }: Extract<Action, { kind: 'drop-answers' }>): Promise<boolean> {
    const { door } = this.#worker(worker)
    let dropped = false
    void door.dropAnswer(statement).then(() => {
      dropped = true
    })
    await eventually('an answer is dropped', () => dropped || this.#parts.allDone(), factMs).catch(() => {})
    const fell = dropped
    door.forgetDrop()
    return fell
  }

  /** Asked again while the server is away. */
  async #ask(what: string, text: string, values: readonly unknown[]): Promise<readonly object[]> {
    let problem = ''
    const rows = await eventually(
      what,
      () =>
        this.#parts.database.query({ text, values }).catch((error: unknown) => {
          problem = messageOf(error)
          return null
        }),
      factMs,
    ).catch(() => Promise.reject(new Error(`${what}: ${problem}`)))
    return rows
  }
}

/** Whatever ends or stops a process takes turns with the others of this kind. Pauses take turns everywhere: somebody has to be awake to judge. */
function placesOf(action: Action): readonly string[] {
  if (!('worker' in action)) return [action.kind]
  const { kind, worker } = action
  const endsProcess = kind === 'kill-worker' || kind === 'drain-worker' || kind === 'pause-worker'
  return [`${endsProcess ? 'process' : kind} ${worker}`, ...(kind === 'pause-worker' ? [kind] : [])]
}
