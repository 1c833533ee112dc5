// One run: starts the processes of a schedule on a database of their own, hands in work, lets the blows fall, and has the history checked.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../src/model/host-error.ts'
import { Database } from '../../src/postgres/database.ts'
import { ActionPerformer } from './action-performer.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import { configText, handIn, type Work } from './chaos-work.ts'
import { DatabaseDoor } from './database-door.ts'
import { type ExecutionLine, readExecutionLog } from './execution-log.ts'
import { type History, type Progress, readHistory, readProgress } from './history.ts'
import { type Accepted, historyProblems } from './history-check.ts'
import { ProcessSlot } from './process-slot.ts'
import { actionText, type Schedule } from './schedule.ts'

export interface ChaosRunOptions {
  readonly cluster: ChaosCluster
  readonly databaseName: string
  readonly schedule: Schedule
  readonly work: Work
  /** For logs and settings; the caller's to remove. */
  readonly directory: string
  /** Ends the run before its time; everything that it has started ends with it. */
  readonly abort?: AbortSignal
}

export interface RunReport {
  /** Empty: every step got exactly one result, and nothing is lost or stuck. */
  readonly problems: readonly string[]
  /** Of the first steps that the problems name: what happened to them, and what their handlers wrote down. */
  readonly evidence: readonly string[]
  readonly summary: string
}

const lookMs = 50
const evidenceMax = 5
/** Far beyond leases, backoffs and restarts: who stands still for so long stands still for ever. */
const stuckMs = 120_000

export class ChaosRun {
  readonly #options: ChaosRunOptions
  readonly #database: Database
  readonly #ownDoor: DatabaseDoor
  readonly #doors: DatabaseDoor[] = []
  readonly #slots: ProcessSlot[] = []
  readonly #problems: string[] = []
  #progress: Progress = { results: 0, transitions: 0, open: 1 }
  #performed = 0
  #stopping = false

  private constructor(options: ChaosRunOptions, ownDoor: DatabaseDoor) {
    this.#options = options
    this.#ownDoor = ownDoor
    this.#database = new Database({
      url: ownDoor.url,
      applicationName: 'chaos',
      connectionsMax: 4,
      acquireTimeoutMs: 5_000,
    })
  }

  /** Rejects only when it could not begin, was aborted, or nobody could say how it ended. */
  static async perform(options: ChaosRunOptions): Promise<RunReport> {
    const door = new DatabaseDoor(() => options.cluster.urlOf(options.databaseName))
    await door.start()
    const run = new ChaosRun(options, door)
    let abort = () => {}
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(new Error('interrupted'))
    })
    options.abort?.addEventListener('abort', abort)
    try {
      return await Promise.race([run.#perform(), aborted])
    } finally {
      options.abort?.removeEventListener('abort', abort)
      await run.#stop()
    }
  }

  async #perform(): Promise<RunReport> {
    const { cluster, schedule, work, directory } = this.#options
    writeFileSync(join(directory, 'chaos.toml'), configText(schedule.mode))
    await this.#database.start()
    const executionLog = join(directory, 'executions.log')
    const orchestrator = await this.#open('orchestrator', 'orchestrator')
    const workers = await Promise.all(
      Array.from({ length: schedule.workers }, (_, index) => this.#open('worker', `worker-${index}`)),
    )
    const { address } = await orchestrator.ready()
    await Promise.all(workers.map((worker) => worker.ready()))
    const accepted = await handIn(work, address, executionLog)
    const database = this.#database
    const allDone = () => this.#progress.open === 0
    await this.#drive(new ActionPerformer({ cluster, database, workers, orchestrator, allDone }))
    await this.#stopSlots()
    const history = await readHistory(database)
    this.#problems.push(...this.#slots.flatMap((slot) => slot.problems))
    return this.#report(history, accepted, executionLog)
  }

  async #open(command: 'worker' | 'orchestrator', name: string): Promise<ProcessSlot> {
    const { cluster, databaseName, directory } = this.#options
    const door = new DatabaseDoor(() => cluster.urlOf(databaseName))
    this.#doors.push(door)
    await door.start()
    const slot = new ProcessSlot({
      ...{ command, name, door, directory },
      handlers: resolve('test/chaos/handlers'),
      configFile: join(directory, 'chaos.toml'),
      dataDir: join(directory, name),
    })
    this.#slots.push(slot)
    return slot
  }

  /** Until all blows have fallen and nothing is under way any more, or nothing moves. */
  async #drive(performer: ActionPerformer): Promise<void> {
    const waiting = [...this.#options.schedule.actions]
    const underWay = new Set<Promise<void>>()
    let movedAt = performance.now()
    while (!this.#stopping && waiting.length + underWay.size + this.#progress.open > 0) {
      await delay(lookMs)
      const before = this.#progress.transitions
      // While the server is away the run knows as little as everybody else.
      this.#progress = await readProgress(this.#database).catch(() => this.#progress)
      const booting = this.#slots.some((slot) => !slot.process.isReady)
      // A blow has limits of its own: a pause may last for as long as the others are too slow to be judges.
      if (booting || underWay.size > 0 || this.#progress.transitions !== before) movedAt = performance.now()
      const { results, open } = this.#progress
      const due = waiting.filter(({ afterResults }) => results >= afterResults || open === 0)
      for (const { action } of due) {
        waiting.splice(0, 1)
        const blow = performer.perform(action).then(
          (fell) => {
            if (fell) this.#performed += 1
          },
          (error) => void this.#problems.push(`${actionText(action)}: ${messageOf(error)}`),
        )
        underWay.add(blow)
        void blow.then(() => underWay.delete(blow))
      }
      if (performance.now() - movedAt > stuckMs) {
        this.#problems.push(`nothing has moved for ${stuckMs} ms with ${open} steps under way`)
        return
      }
    }
  }

  #report(history: History, accepted: readonly Accepted[], executionLog: string): RunReport {
    const executions = readExecutionLog(executionLog)
    const problems = historyProblems(history, executions, { accepted, settledBy: 'orchestrator' })
    const transitions = history.tasks.flatMap((task) => task.steps).flatMap((step) => step.transitions)
    const count = (test: (transition: (typeof transitions)[number]) => boolean) => transitions.filter(test).length
    const { actions } = this.#options.schedule
    const summary = [
      `${this.#performed} of ${actions.length} blows`,
      `${history.tasks.length} tasks`,
      `${count(({ to }) => to === 'in_progress')} claims`,
      `${count(({ result }) => result !== null)} results`,
      `${count(({ recoveredFrom }) => recoveredFrom !== null)} recovered`,
      `${count(({ released }) => released !== null)} released`,
      `${count(({ result }) => result !== null && !result.success && result.run === null)} failed by the host`,
    ].join(', ')
    return { problems: [...this.#problems, ...problems], evidence: evidenceOf(problems, history, executions), summary }
  }

  async #stopSlots(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop()))
  }

  async #stop(): Promise<void> {
    this.#stopping = true
    await this.#stopSlots()
    await this.#database.stop()
    await Promise.all([...this.#doors, this.#ownDoor].map((door) => door.stop()))
  }
}

function evidenceOf(
  problems: readonly string[],
  history: History,
  executions: readonly ExecutionLine[],
): readonly string[] {
  const named = history.tasks
    .flatMap((task) => task.steps)
    .filter(({ id }) => problems.some((text) => text.includes(id)))
  return named
    .slice(0, evidenceMax)
    .flatMap((step) => [
      `step ${step.name} ${step.id}, ${step.attempts} attempts:`,
      ...step.transitions.map(
        ({ sortKey, to, released, recoveredFrom, result }) =>
          `  ${sortKey} ${to} ${JSON.stringify({ released, recoveredFrom, result })}`,
      ),
      ...executions
        .filter(({ stepId }) => stepId === step.id)
        .map(({ phase, attempt, items, run }) => `  ${phase} of attempt ${attempt + 1}, item ${items}, run ${run}`),
    ])
}
