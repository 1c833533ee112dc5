// Makes tasks with their steps, edges, transitions and messages, in one statement however many there are of each.

import { HostError } from '../../../model/host-error.ts'
import { toJsonText } from '../../../model/json-text.ts'
import type { NewTask, NewTaskAnswer } from '../../../model/orchestration-store.ts'
import { sqlStateOf } from '../../database-fault.ts'
import type { Queryable } from '../../statement.ts'
import { createStatement } from './create-statement.ts'
import type { MoveOptions } from './move-tasks.ts'
import { insertNamedSteps } from './named-steps.ts'
import { type CreatedRow, newTaskView } from './new-task-view.ts'
import { createQueues } from './register-templates.ts'

type AnswerRow = (CreatedRow | { readonly task_uuid: null }) & {
  readonly problem: string | null
  readonly current: boolean
  readonly names_known: boolean
}

/** The tasks of one revision of a template, which have the same steps; places count from 1. */
interface Kind {
  readonly place: number
  readonly task: NewTask
  readonly edges: readonly { readonly parent: number; readonly child: number }[]
  /** Of each step, how many it waits for. */
  readonly parents: readonly number[]
}

interface Batch {
  readonly namespace: string
  readonly tasks: readonly NewTask[]
  readonly kinds: ReadonlyMap<string, Kind>
}

/** Each is a plan that every connection keeps; what a namespace beyond them asks for is planned each time. */
const preparedNamespacesMax = 32
const warningCharsMax = 2_000
const undefinedTable = '42P01'

export class TaskWriter {
  readonly #database: Queryable
  readonly #options: MoveOptions
  readonly #prepared = new Map<string, string>()

  constructor(database: Queryable, options: MoveOptions) {
    this.#database = database
    this.#options = options
  }

  /**
   * All of one namespace. The answers are in the order of the tasks. The identity is SHA-256 over template and the caller's key, or without
   * one the normalised context: jsonb has one text for all spellings of a document, so key order and blanks do not matter.
   */
  async create(tasks: readonly NewTask[]): Promise<readonly NewTaskAnswer[]> {
    const [first] = tasks
    if (first === undefined) return []
    const batch = { namespace: first.template.namespace, tasks, kinds: kindsOf(tasks) }
    const rows = await this.#written(batch)
    if (rows.every((row) => row.names_known)) return answersOf(rows, batch)
    await insertNamedSteps(
      this.#database,
      tasks.flatMap((task) => task.steps.map((step) => step.name)),
    )
    const again = await this.#written(batch)
    if (again.every((row) => row.names_known)) return answersOf(again, batch)
    throw new HostError('DATABASE_FAULT', 'The names of steps vanish while tasks are made of them')
  }

  /** A queue that is missing is made: the template is there, and may be of a worker that made none. */
  async #written(batch: Batch): Promise<readonly AnswerRow[]> {
    try {
      return await this.#run(batch)
    } catch (error) {
      if (sqlStateOf(error) !== undefinedTable) throw error
      await createQueues(this.#database, [batch.namespace])
      return this.#run(batch)
    }
  }

  async #run({ namespace, tasks, kinds }: Batch): Promise<readonly AnswerRow[]> {
    const { history, orchestratorId } = this.#options
    const text = this.#prepared.get(namespace) ?? createStatement(namespace, history)
    if (this.#prepared.size < preparedNamespacesMax) this.#prepared.set(namespace, text)
    return this.#database.query<AnswerRow>({
      ...(this.#prepared.has(namespace) ? { name: `create-tasks:${history}:${namespace}` } : {}),
      text,
      values: [namespace, ...kindColumns([...kinds.values()]), ...taskColumns(tasks, kinds), orchestratorId],
    })
  }
}

function answersOf(rows: readonly AnswerRow[], { tasks, kinds }: Batch): readonly NewTaskAnswer[] {
  return tasks.flatMap((task, index): readonly NewTaskAnswer[] => {
    const row = rows[index]
    if (row === undefined) return []
    if (row.problem !== null) return [{ status: 'invalid', reason: `context cannot be stored: ${row.problem}` }]
    if (!row.current) return [{ status: 'outdated' }]
    if (row.task_uuid === null) return [{ status: 'duplicate' }]
    return [{ status: 'created', task: newTaskView(row, task, kinds.get(kindKey(task))?.parents ?? []) }]
  })
}

function kindKey({ template, request, unlessOutdated }: NewTask): string {
  return `${template.namedTaskId} ${template.revision} ${unlessOutdated} ${request.version === null}`
}

function kindsOf(tasks: readonly NewTask[]): ReadonlyMap<string, Kind> {
  const kinds = new Map<string, Kind>()
  for (const task of tasks) {
    const key = kindKey(task)
    if (kinds.has(key)) continue
    const edges = edgesOf(task)
    const parents = task.steps.map(() => 0)
    for (const { child } of edges) parents[child - 1] = (parents[child - 1] ?? 0) + 1
    kinds.set(key, { place: kinds.size + 1, task, edges, parents })
  }
  return kinds
}

function edgesOf({ steps }: NewTask): Kind['edges'] {
  const places = new Map(steps.map((step, index) => [step.name, index + 1]))
  return steps.flatMap((step, index) =>
    [...new Set(step.dependencies)].flatMap((name) => {
      const parent = places.get(name)
      return parent === undefined ? [] : [{ parent, child: index + 1 }]
    }),
  )
}

/** One array per column, here and below. */
function kindColumns(kinds: readonly Kind[]): readonly unknown[] {
  const steps = kinds.flatMap(({ place: kind, task, parents }) =>
    task.steps.map((step, index) => ({ kind, place: index + 1, step, root: parents[index] === 0 })),
  )
  const edges = kinds.flatMap(({ place: kind, edges }) => edges.map(({ parent, child }) => ({ kind, parent, child })))
  return [
    kinds.map(({ task }) => task.template.namedTaskId),
    kinds.map(({ task }) => (task.unlessOutdated ? task.template.revision : null)),
    kinds.map(({ task }) => task.request.version === null),
    steps.map(({ kind }) => kind),
    steps.map(({ place }) => place),
    steps.map(({ step }) => step.name),
    steps.map(({ step }) => step.retryable),
    steps.map(({ step }) => step.attemptsMax),
    steps.map(({ step }) => step.initialization),
    steps.map(({ root }) => root),
    edges.map(({ kind }) => kind),
    edges.map(({ parent }) => parent),
    edges.map(({ child }) => child),
  ]
}

function taskColumns(tasks: readonly NewTask[], kinds: ReadonlyMap<string, Kind>): readonly unknown[] {
  return [
    tasks.map((task) => kinds.get(kindKey(task))?.place),
    tasks.map(({ template }) => template.namedTaskId),
    tasks.map(({ steps }) => steps.length),
    tasks.map(({ request }) => request.context),
    tasks.map(({ template, request }) => {
      const withoutKey = (request.idempotencyKey ?? null) === null
      return request.freshIdentity || (template.identityStrategy === 'always_unique' && withoutKey)
    }),
    tasks.map(({ request }) => request.initiator),
    tasks.map(({ request }) => request.sourceSystem),
    tasks.map(({ request }) => request.reason),
    tasks.map(({ request }) => toJsonText(request.tags)),
    tasks.map(({ request }) => request.priority ?? 0),
    tasks.map(({ request }) => request.correlationId),
    tasks.map(({ request }) => request.parentCorrelationId),
    tasks.map(({ request }) => request.idempotencyKey ?? null),
    tasks.map(({ warning }) => warning?.slice(0, warningCharsMax) ?? null),
  ]
}
