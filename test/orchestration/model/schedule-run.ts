// Runs one schedule on a database that is its own meanwhile, waits until everything has come to rest, and checks what is left.
import { setTimeout as delay } from 'node:timers/promises'
import { isHostError, messageOf } from '../../../src/model/host-error.ts'
import type { JsonText } from '../../../src/model/json-text.ts'
import type { StepAction, StepView, TaskRequest } from '../../../src/model/task.ts'
import type { WakeUps } from '../../../src/model/wake-ups.ts'
import { Orchestrator } from '../../../src/orchestration/orchestrator.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { orchestrationStore } from '../../../src/postgres/queries/orchestration/orchestration-store.ts'
import { Crew } from './crew.ts'
import { type History, readHistory, readOpen, unfolded } from './history.ts'
import { historyProblems } from './history-check.ts'
import { ModelHandlers } from './model-handlers.ts'
import { namespace, templateOf } from './plan.ts'
import type { Action, Blow, Queue, Schedule } from './schedule.ts'

export interface RunPlace {
  readonly database: Database
  readonly wakeUps: WakeUps
}

export interface ScheduleReport {
  /** One sentence for each thing that must not be. */
  readonly problems: readonly string[]
  readonly history: History
  /** The end of the parts that died. */
  readonly buried: Promise<unknown>
}

/** Far more than the longest chain of deaths takes on a machine that others keep busy. */
const restMaxMs = 60_000
const lookMs = 20
const queueNames = { steps: `worker_${namespace}_queue`, results: 'orchestration_step_results' } as const

export class ScheduleRun {
  readonly #schedule: Schedule
  readonly #database: Database
  readonly #crew: Crew
  readonly #handlers: ModelHandlers
  readonly #taskIds: string[] = []
  readonly #touched = new Set<string>()
  readonly #problems: string[] = []
  #malformedMessages = 0

  private constructor(schedule: Schedule, { database, wakeUps }: RunPlace) {
    const { orchestrators, workers, history, large, tasks } = schedule
    const handlers = new ModelHandlers(tasks)
    this.#schedule = schedule
    this.#database = database
    this.#handlers = handlers
    this.#crew = new Crew({
      ...{ database, orchestrators, workers, history, large, adapter: () => handlers.adapter() },
      wakeUps: schedule.wakeUps ? wakeUps : null,
    })
  }

  static async perform(schedule: Schedule, place: RunPlace): Promise<ScheduleReport> {
    await place.database.query({ text: clearText })
    return new ScheduleRun(schedule, place).#perform()
  }

  async #perform(): Promise<ScheduleReport> {
    let buried: Promise<unknown>
    try {
      await this.#work()
    } finally {
      // Whatever went wrong: the next schedule must find nobody at work.
      buried = (await this.#crew.stop()).buried
    }
    const history = await readHistory(this.#database)
    const shown = this.#schedule.history === 'full' ? history : unfolded(history)
    const problems = historyProblems(shown, {
      ...{ tasks: this.#schedule.tasks, touched: this.#touched, malformedMessages: this.#malformedMessages },
      runs: this.#handlers.runs,
    })
    return { problems: [...this.#problems, ...this.#crew.problems, ...problems], history, buried }
  }

  async #work(): Promise<void> {
    const { tasks, blows, history } = this.#schedule
    const store = orchestrationStore(this.#database, { history })
    await store.registerTemplates(tasks.map(templateOf))
    await this.#crew.start()
    // Not started: it takes the tasks in, as a front that does nothing else.
    const front = new Orchestrator({ store, wakeUps: null, onFault: () => {}, onWarning: () => {} })
    for (const { name } of tasks) this.#taskIds.push((await front.createTask(taskRequest(name))).taskId)
    for (const { afterStatements, blow } of blows) {
      await this.#rest(() => this.#crew.statements >= afterStatements)
      await this.#fall(blow)
    }
    if (!(await this.#rest())) this.#problems.push(`nothing came to rest within ${restMaxMs} ms`)
  }

  /** Until nothing is left to do, or `enough`; false: it took too long. */
  async #rest(enough: () => boolean = () => false): Promise<boolean> {
    const deadline = performance.now() + restMaxMs
    while (!enough() && (await readOpen(this.#database)) > 0) {
      if (performance.now() > deadline) return false
      await delay(lookMs)
    }
    return true
  }

  async #fall(blow: Blow): Promise<void> {
    switch (blow.kind) {
      case 'crash-worker':
        return this.#crew.crash('worker', blow.which, blow)
      case 'crash-orchestrator':
        return this.#crew.crash('orchestrator', blow.which, blow)
      case 'cancel':
        return this.#touch(blow.task, async (taskId) => {
          await (await this.#crew.orchestrator(blow.by)).cancel(taskId)
        })
      case 'operate':
        return this.#touch(blow.task, (taskId) => this.#operate(taskId, blow))
      case 'garbage':
        this.#malformedMessages += 1
        await this.#send(blow.queue, `SELECT '{"step_uuid":"nobody"}'::jsonb AS message`)
        return
      case 'duplicate':
        await this.#send(blow.queue, knownMessages(queueNames[blow.queue]))
        return
      case 'reorder':
        await this.#database.query({ text: reorderText(queueNames[blow.queue]) })
    }
  }

  /** What may be refused, or be asked of somebody who dies over it, is asked once. */
  async #touch(task: number, work: (taskId: string) => Promise<void>): Promise<void> {
    const index = task % this.#taskIds.length
    this.#touched.add(this.#schedule.tasks[index]?.name ?? '')
    await work(this.#taskIds[index] ?? '').catch((error: unknown) => {
      if (isHostError(error, 'TASK_FINISHED', 'STEP_TRANSITION_INVALID', 'DATABASE_UNREACHABLE')) return
      this.#problems.push(`an operator was told: ${messageOf(error)}`)
    })
  }

  async #operate(taskId: string, { by, step, action }: Extract<Blow, { kind: 'operate' }>): Promise<void> {
    const orchestrator = await this.#crew.orchestrator(by)
    const steps = await orchestrator.steps(taskId)
    const fitting = steps.filter(({ state }) => fits(action, state))
    const choice = fitting.length > 0 ? fitting : steps
    const chosen = choice[step % choice.length]
    if (chosen !== undefined) await orchestrator.actOnStep(taskId, chosen.stepId, actionOf(action))
  }

  async #send(queue: Queue, messages: string): Promise<void> {
    const text = `SELECT pgmq.send($1, m.message) FROM (${messages}) m ORDER BY random()`
    await this.#database.query({ text, values: [queueNames[queue]] })
  }
}

function fits(action: Action, state: StepView['state']): boolean {
  return action === 'reset_for_retry' ? state === 'error' || state === 'cancelled' : state !== 'complete'
}

function actionOf(actionType: Action): StepAction {
  const reason = 'a schedule wants it'
  switch (actionType) {
    case 'reset_for_retry':
      return { actionType, reason, resetBy: 'model' }
    case 'resolve_manually':
      return { actionType, reason, resolvedBy: 'model' }
    case 'complete_manually':
      return { actionType, reason, completedBy: 'model', result: '{}' as JsonText, metadata: null }
  }
}

export function taskRequest(name: string): TaskRequest {
  return {
    ...{ namespace, name, version: '1.0.0', context: '{}' as JsonText, initiator: 'model', sourceSystem: 'model' },
    ...{ reason: 'to see it run', tags: [], priority: null, correlationId: null, parentCorrelationId: null },
    ...{ freshIdentity: true, inputSchema: 'off' },
  }
}

/** Every message that was ever there, once more. */
function knownMessages(queue: string): string {
  return `SELECT message FROM pgmq."q_${queue}" WHERE message ->> 'step_uuid' <> 'nobody'
           UNION ALL SELECT message FROM pgmq."a_${queue}" WHERE message ->> 'step_uuid' <> 'nobody'`
}

function reorderText(queue: string): string {
  return `
UPDATE pgmq."q_${queue}" q SET vt = clock_timestamp() + random() * interval '80 ms'
  FROM (SELECT msg_id FROM pgmq."q_${queue}" ORDER BY msg_id FOR UPDATE SKIP LOCKED) held WHERE q.msg_id = held.msg_id`
}

/** Deleted, not truncated: that would have every statement planned anew. */
const cleared = [
  ...[
    'workflow_step_result_audit',
    'tasks_dlq',
    'workflow_step_edges',
    'workflow_step_transitions',
    'task_transitions',
  ],
  ...['workflow_steps', 'tasks', 'named_tasks_named_steps', 'named_tasks', 'named_steps'],
].map((table) => `tasker.${table}`)
const clearText = [
  ...[
    ...cleared,
    'stephost.workers',
    'stephost.orchestrators',
    'stephost.rejected_messages',
    'stephost.reopened_tasks',
  ],
  ...Object.values(queueNames).flatMap((queue) => [`pgmq.q_${queue}`, `pgmq.a_${queue}`]),
]
  .map((table) => `DELETE FROM ${table}`)
  .join('; ')
