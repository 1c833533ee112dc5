// Workers that really listen, and steps that come with a notification, without one, or as a notification alone.
import type { Worker } from '../../src/dispatch/worker.ts'
import type { DeploymentMode } from '../../src/dispatch/worker-options.ts'
import type { Claim, ClaimRequest, ClaimSource } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { Heartbeat } from '../../src/model/step-store.ts'
import { Listener, type ListenerOptions } from '../../src/postgres/listener.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { notifyChannels } from '../../src/postgres/queries/notify-channels.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { queue, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { sourceOf, startWorker, type TestWorkerOptions } from './workers.ts'

/** A poll that never comes within a test. */
export const never = 600_000

/** Counts the looks at the queues, and fails those that a test wants to fail. */
export class CountingSource implements ClaimSource {
  looks = 0
  failures = 0
  readonly #source: ClaimSource

  constructor(source: ClaimSource) {
    this.#source = source
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    this.looks += 1
    if (this.failures > 0) {
      this.failures -= 1
      throw new Error('the claim failed, as the test wants it')
    }
    return this.#source.claim(request)
  }

  serve(namespaces: readonly string[]): void {
    this.#source.serve(namespaces)
  }
}

/** Heartbeats are the worker's clock: what has not happened after some of them was not due. */
export class BeatingStore extends PostgresStepStore {
  beats = 0

  override async heartbeat(...beat: Parameters<PostgresStepStore['heartbeat']>): Promise<Heartbeat | null> {
    this.beats += 1
    return super.heartbeat(...beat)
  }

  async afterBeats(count: number): Promise<void> {
    const until = this.beats + count
    await eventually(`${count} more heartbeats`, () => this.beats >= until)
  }
}

export interface ListeningWorker {
  readonly worker: Worker
  readonly listener: Listener | null
  readonly source: CountingSource
  readonly store: BeatingStore
  readonly adapter: ScriptedAdapter
  stop(): Promise<void>
}

export interface ListeningWorkerOptions extends TestWorkerOptions {
  readonly mode: DeploymentMode
  readonly adapter?: ScriptedAdapter
  readonly listen?: Partial<ListenerOptions>
}

/** As the host does it: without LISTEN in `PollingOnly`, and with a self-probe through the pool elsewhere. */
export async function startListeningWorker(
  steps: StepDatabase,
  { listen, adapter = new ScriptedAdapter(async (request) => success(request)), ...options }: ListeningWorkerOptions,
): Promise<ListeningWorker> {
  const source = new CountingSource(sourceOf(steps))
  const store = new BeatingStore(steps.database, { leaseMs: 2_000 })
  const listener =
    options.mode === 'PollingOnly'
      ? null
      : new Listener({
          url: steps.url,
          applicationName: 'modes test listener',
          send: (channel, payload) => notifyChannels(steps.database, [channel], payload),
          ...listen,
        })
  await listener?.start()
  const polls = { pollIntervalMs: never, notifiedPollIntervalMs: never }
  const worker = await startWorker(steps, adapter, {
    ...{ source, store, heartbeatMs: 20 },
    ...polls,
    ...options,
    ...(listener === null ? {} : { wakeUps: listener }),
  })
  await eventually('the look at the start', () => worker.lastClaimAtMs !== null)
  return {
    ...{ worker, listener, source, store, adapter },
    stop: async () => {
      await worker.stop()
      await listener?.stop()
    },
  }
}

/** A step whose message nobody is told of, put into the queue only when `appear` is called. */
export async function silentStep(steps: StepDatabase): Promise<{ step: StepId; appear(): Promise<void> }> {
  const step = await steps.enqueue()
  const message = await steps.scalar<string>(
    `DELETE FROM pgmq."q_${queue}" WHERE message ->> 'step_uuid' = $1 RETURNING message::text`,
    [step],
  )
  const appear = async () => {
    await steps.scalar(`INSERT INTO pgmq."q_${queue}" (vt, message) VALUES (now(), $1::jsonb) RETURNING 1`, [message])
  }
  return { step, appear }
}

export function notify(steps: StepDatabase): Promise<void> {
  return notifyChannels(steps.database, ['pgmq_message_ready.shop'])
}

export async function done(steps: StepDatabase, step: StepId): Promise<void> {
  await eventually('the step is done', async () => (await steps.state(step)) === 'enqueued_for_orchestration')
}
