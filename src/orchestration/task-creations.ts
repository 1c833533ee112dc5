// Creates tasks in common: those of a namespace that are asked for while a transaction is under way are made together in the next one.

import { HostError } from '../model/host-error.ts'
import type { NewTask, NewTaskAnswer, OrchestrationStore } from '../model/orchestration-store.ts'

interface Waiting {
  readonly task: NewTask
  readonly answer: (answer: NewTaskAnswer) => void
  readonly fail: (error: unknown) => void
}

/** A transaction holds its locks for as long as its largest part takes, so it is bounded by steps too. */
const tasksMax = 100
const stepsMax = 1_000
/** Under load the client's round trips of one hide behind the statements of the other. */
const transactionsMax = 2

export class TaskCreations {
  readonly #store: Pick<OrchestrationStore, 'createTasks' | 'isDataFault'>
  #waiting: Waiting[] = []
  #running = 0

  constructor(store: Pick<OrchestrationStore, 'createTasks' | 'isDataFault'>) {
    this.#store = store
  }

  /** Rejects with what the database says. */
  create(task: NewTask): Promise<NewTaskAnswer> {
    return new Promise((answer, fail) => {
      this.#waiting.push({ task, answer, fail })
      if (this.#running < transactionsMax) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#running += 1
    // Whoever asks in this turn of the loop comes along.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#createBatch(this.#nextBatch())
    this.#running -= 1
  }

  /** At least one task, however large it is, and those of its namespace, whose messages go to the same queue. */
  #nextBatch(): readonly Waiting[] {
    const namespace = this.#waiting[0]?.task.template.namespace
    const [batch, left]: [Waiting[], Waiting[]] = [[], []]
    let steps = 0
    for (const waiting of this.#waiting) {
      const { template, steps: more } = waiting.task
      const fits = template.namespace === namespace && batch.length < tasksMax && steps + more.length <= stepsMax
      if (fits || batch.length === 0) {
        batch.push(waiting)
        steps += more.length
      } else {
        left.push(waiting)
      }
    }
    this.#waiting = left
    return batch
  }

  /** Never rejects. Data that a statement cannot take spoils a batch once: then each is tried alone. */
  async #createBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#store.createTasks(batch.map(({ task }) => task))
      batch.forEach(({ answer, fail }, index) => {
        const given = answers[index]
        if (given === undefined) fail(new HostError('DATABASE_FAULT', 'The database gave no answer for a task'))
        else answer(given)
      })
    } catch (error) {
      if (batch.length > 1 && this.#store.isDataFault(error)) for (const one of batch) await this.#createBatch([one])
      else for (const { fail } of batch) fail(error)
    }
  }
}
