// A transport under test: the steps' database, the queues as orchestration sees them, and workers put together as the host does.
import type { Worker } from '../../src/dispatch/worker.ts'
import { makeTransport, type Transport, type TransportOptions } from '../../src/host-transport.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import { resultQueue } from '../../src/model/step-message.ts'
import { Database } from '../../src/postgres/database.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { createQueues } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { openStepDatabase, queue, type StepDatabase } from '../dispatch/step-database.ts'
import { startWorker, type TestWorkerOptions } from '../dispatch/workers.ts'
import { createTestDatabase } from '../fixtures/database.ts'

/** The queues, as a program sees them that is not ours. */
export interface Queues {
  /** What `makeTransport` needs to reach them. */
  readonly options: Pick<TransportOptions, 'queues' | 'queueDatabase'>
  /** With the steps: whoever enqueues a step sends its message by that, and a running worker may have it at once. */
  readonly withSteps: boolean
  send(queue: string, body: string): Promise<void>
  count(queue: string): Promise<number>
  /** Of these, how many a worker could claim now; a broker has handed them over already. */
  reachable(queue: string): Promise<number>
  /** Empties the queue; resolves with the bodies. */
  take(queue: string): Promise<readonly string[]>
  close(): Promise<void>
}

export interface RunningWorker {
  readonly worker: Worker
  readonly transport: Transport
  stop(): Promise<void>
}

export interface RigWorkerOptions extends TestWorkerOptions {
  readonly foreignRetryMs?: number
  readonly resendEveryMs?: number | null
  readonly resendAfterMs?: number
  /** Changes what a worker is given of its transport, to lose what goes through it. */
  readonly tamper?: (transport: Transport) => Partial<Pick<Transport, 'source' | 'outgoing'>>
}

export class TransportRig {
  readonly steps: StepDatabase
  readonly queues: Queues
  readonly #running: RunningWorker[] = []

  private constructor(steps: StepDatabase, queues: Queues) {
    this.steps = steps
    this.queues = queues
  }

  static async open(connect: (steps: StepDatabase) => Promise<Queues>): Promise<TransportRig> {
    const steps = await openStepDatabase()
    try {
      return new TransportRig(steps, await connect(steps))
    } catch (error) {
      await steps.close()
      throw error
    }
  }

  /** As orchestration does: the step is `enqueued`, then its message is sent. */
  async enqueue(): Promise<StepId> {
    if (this.queues.withSteps) return this.steps.enqueue()
    const step = await this.enqueueSilently()
    await this.queues.send(queue, await this.bodyOf(step))
    return step
  }

  /** The message is lost. */
  async enqueueSilently(): Promise<StepId> {
    const step = await this.steps.enqueue()
    await this.steps.database.query({
      text: `DELETE FROM pgmq.q_${queue} WHERE message ->> 'step_uuid' = $1`,
      values: [step],
    })
    return step
  }

  bodyOf(step: StepId): Promise<string> {
    return this.steps.scalar(
      `SELECT json_build_object('task_uuid', t.task_uuid, 'step_uuid', s.workflow_step_uuid, 'correlation_id', t.correlation_id)::text
         FROM tasker.workflow_steps s JOIN tasker.tasks t USING (task_uuid) WHERE s.workflow_step_uuid = $1`,
      [step],
    )
  }

  reachable(): Promise<number> {
    return this.queues.reachable(queue)
  }

  async results(): Promise<readonly unknown[]> {
    return (await this.queues.take(resultQueue)).map((body): unknown => JSON.parse(body))
  }

  transport(options: RigWorkerOptions = {}): Transport {
    const { foreignRetryMs = 100, foreignGraceMs = 60_000, resendAfterMs = 60_000, resendEveryMs = null } = options
    return makeTransport({
      ...this.queues.options,
      dispatch: { foreignRetryMs, foreignGraceMs, resendAfterMs, cancelGraceMs: 2_000 },
      ...{ database: this.steps.database, stepDatabase: this.steps.database },
      namespaces: ['shop'],
      resendEveryMs,
      roomMax: () => 10,
      warn: () => {},
    })
  }

  async start(adapter: RuntimeAdapter, options: RigWorkerOptions = {}): Promise<RunningWorker> {
    const transport = this.transport(options)
    await transport.start()
    const { source, outgoing } = { ...transport, ...options.tamper?.(transport) }
    const { wakeUps } = transport
    const store = new PostgresStepStore(this.steps.database, { leaseMs: options.leaseMs ?? 2_000, outgoing })
    const mode = wakeUps === null ? 'PollingOnly' : 'EventDrivenOnly'
    const worker = await startWorker(this.steps, adapter, { ...options, ...{ source, store, wakeUps, mode } })
    let stopping: Promise<void> | null = null
    const stop = () => {
      stopping ??= worker.stop().then(() => transport.stop())
      return stopping
    }
    const running = { worker, transport, stop }
    this.#running.push(running)
    return running
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((running) => running.stop()))
  }

  async close(): Promise<void> {
    await this.stopAll()
    await this.queues.close()
    await this.steps.close()
  }
}

const unusedBroker = { url: 'amqp://127.0.0.1:1', prefetchMax: 100, heartbeatS: 30 }

function pgmqQueues(database: Database): Pick<Queues, 'send' | 'count' | 'reachable' | 'take'> {
  const count = async (name: string) => {
    const text = `SELECT count(*)::int AS count FROM pgmq."q_${name}"`
    return (await database.query<{ count: number }>({ text }))[0]?.count ?? 0
  }
  return {
    ...{ count, reachable: count },
    send: async (name, body) => {
      const text = 'SELECT tasker.pgmq_send_with_notify($1, $2::jsonb, 0)'
      await database.query({ text, values: [name, body] })
    },
    take: async (name) => {
      const text = `DELETE FROM pgmq."q_${name}" RETURNING message::text AS body`
      return (await database.query<{ body: string }>({ text })).map(({ body }) => body)
    },
  }
}

export async function oneDatabase(steps: StepDatabase): Promise<Queues> {
  const queues = { backend: 'pgmq', onClaim: 'archive', rabbitmq: unusedBroker } as const
  return {
    ...pgmqQueues(steps.database),
    options: { queues, queueDatabase: null },
    withSteps: true,
    close: async () => {},
  }
}

/** A queue database as `stephost migrate` makes it, and nothing else in it. */
export async function splitDatabase(migrate: (database: Database) => Promise<unknown>): Promise<Queues> {
  const { url, drop } = await createTestDatabase({ empty: true })
  const database = new Database({ url, applicationName: 'queue test', connectionsMax: 8, acquireTimeoutMs: 10_000 })
  await database.start()
  await migrate(database)
  await createQueues(database, ['shop'])
  const queues = { backend: 'pgmq', onClaim: 'archive', rabbitmq: unusedBroker } as const
  return {
    ...pgmqQueues(database),
    options: { queues, queueDatabase: database },
    withSteps: false,
    close: async () => {
      await database.stop()
      await drop()
    },
  }
}
