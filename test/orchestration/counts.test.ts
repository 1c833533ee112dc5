// What an orchestrator did is counted once it is committed, and /metrics shows it.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { backgroundStore } from '../../src/postgres/queries/orchestration/background-store.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { sendRaw, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
const pace = { intervalMs: 3_600_000, sweepMaxMs: 10_000, batchRowsMax: 1000 }
const staleness = {
  ...{ intervalMs: 3_600_000, batchMax: 10, dryRun: false, taskLifetimeMaxHours: 24 },
  ...{ waitingForDependenciesMinutes: 60, waitingForRetryMinutes: 30, stepsInProcessMinutes: 30 },
}
const retention = { ...pace, finishedTasksDays: 7, archive: false, queueArchivesDays: 7 }
const settings = { staleness, retention, orphans: { ...pace, olderThanMs: 0 } }

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE pgmq.q_worker_orders_queue, pgmq.q_orchestration_step_results, pgmq.a_worker_orders_queue')
  await bench.rows('TRUNCATE tasker.tasks, stephost.sweeps CASCADE')
})

const settled = (orchestrator: Orchestrator, taskId: string) => async () =>
  settledTaskStates.has((await orchestrator.progress(taskId)).state)
const daysAgo = (days: number, taskId: string) =>
  bench.rows(
    'UPDATE tasker.task_transitions SET created_at = created_at - make_interval(days => $2) WHERE task_uuid = $1',
    taskId,
    days,
  )

it('counts tasks, steps, results, retries and what is set aside', async () => {
  const orchestrator = bench.orchestrator()
  await orchestrator.start()
  const first = await orchestrator.createTask(request('pair'))
  await bench.worker.workUntil(settled(orchestrator, first.taskId), ({ name, attempts }) =>
    name === 'one' && attempts === 1 ? { success: false, retryable: true } : { success: true },
  )
  const second = await orchestrator.createTask(request('pair'))
  await bench.worker.workUntil(settled(orchestrator, second.taskId), () => ({ success: false, retryable: false }))
  await orchestrator.cancel((await orchestrator.createTask(request('pair'))).taskId)
  await sendRaw(bench.database, { step_uuid: 'none' })
  await until(async () => orchestrator.counts().resultsRejected === 1)
  expect(orchestrator.counts()).toMatchObject({
    ...{ tasksRequested: 3, tasksCreated: 3, tasksCompleted: 1, tasksFailed: 1, tasksCancelled: 1 },
    ...{
      stepsEnqueued: 5,
      stepsCompleted: 2,
      stepsFailed: 1,
      resultsProcessed: 4,
      retriesScheduled: 1,
      resultsRejected: 1,
    },
    ...{ staleTasks: 0, deadLetters: 0, orphanedMessages: 0, recoverySweeps: 1 },
  })
  await orchestrator.stop()
})

it('counts the work in the background, and shows all of it', async () => {
  const maker = bench.orchestrator()
  await maker.start()
  const old = await maker.createTask(request('pair'))
  await bench.worker.workUntil(settled(maker, old.taskId), () => ({ success: true }))
  await daysAgo(8, old.taskId)
  await bench.rows('UPDATE tasker.tasks SET created_at = created_at - make_interval(days => 8)')
  const stuck = await maker.createTask(request('pair'))
  await daysAgo(1, stuck.taskId)
  await maker.stop()
  await bench.rows(
    `INSERT INTO pgmq.a_worker_orders_queue (msg_id, enqueued_at, archived_at, vt) VALUES (-1, now(), now() - interval '8 days', now())`,
  )
  const gone = randomUUID()
  await bench.rows(`SELECT pgmq.send('worker_orders_queue', jsonb_build_object('step_uuid', $1::text))`, gone)

  const orchestrator = bench.orchestrator({ background: { store: backgroundStore(bench.database), settings } })
  await orchestrator.start()
  await until(async () => {
    const { deadLetters, tasksRemoved, archivedMessagesRemoved, orphanedMessages } = orchestrator.counts()
    return deadLetters + tasksRemoved + archivedMessagesRemoved + orphanedMessages === 4
  })
  const [entry] = await bench.rows('SELECT dlq_entry_uuid AS id FROM tasker.tasks_dlq')
  const change = { resolutionStatus: null, resolutionNotes: null, resolvedBy: null, metadata: null }
  expect(await orchestrator.redrive(String(entry?.['id']), change)).toEqual({ status: 'redriven', steps: 1 })
  const server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, counts: orchestrator, health: orchestrator, events: { watch: () => null } },
    ...{ reads: orchestrationReads(bench.database), facts: {}, onFault: (error) => bench.faults.push(error as Error) },
  })
  await server.start()
  const text = await (await fetch(`${server.address}/metrics`)).text()
  await server.stop()
  await orchestrator.stop()
  for (const line of [
    ...[
      'tasker_staleness_tasks_total 1',
      'tasker_dlq_entries_total 1',
      'tasker_dlq_redrives_total 1',
      'tasker_tasks_failures_total 1',
    ],
    ...[
      'tasker_retention_tasks_removed_total 1',
      'tasker_retention_messages_removed_total 1',
      'tasker_orphaned_messages_total 1',
    ],
    ...['staleness', 'retention', 'orphans'].map((sweep) => `tasker_orchestration_sweeps_total{sweep="${sweep}"} 1`),
    ...['tasker_tasks_requests_total 0', 'tasker_steps_results_processed_total 0'],
  ]) {
    expect(text).toContain(`${line}\n`)
  }
  expect(bench.faults).toEqual([])
})
