// What the queue of results holds and nobody can use: set aside with its reason and counted where operators look, while the good results go through.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { sendRaw, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
})
afterAll(() => bench.close())

/** Data that no rule of ours foresees: rows of this task cannot be written. */
async function refuse(taskId: string): Promise<void> {
  await bench.rows(
    `CREATE FUNCTION public.refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN IF NEW.task_uuid = '${taskId}' THEN RAISE division_by_zero; END IF; RETURN NEW; END $$`,
  )
  await bench.rows(
    'CREATE TRIGGER refuse_one BEFORE INSERT ON tasker.task_transitions FOR EACH ROW EXECUTE FUNCTION public.refuse_one()',
  )
}

it('is counted in /metrics by kind, and the queue goes on', async () => {
  const orchestrator = bench.orchestrator()
  const server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, counts: orchestrator, health: orchestrator, events: { watch: () => null } },
    ...{ reads: orchestrationReads(bench.database), facts: {}, onFault: (error) => bench.faults.push(error as Error) },
  })
  await server.start()
  const good = (await orchestrator.createTask(request('pair'))).taskId
  const bad = (await orchestrator.createTask(request('pair'))).taskId
  await refuse(bad)
  const malformed = [null, [], { step_uuid: 7 }, { step_uuid: 'nobody' }]
  for (const message of malformed) await sendRaw(bench.database, message)
  for (const step of await bench.worker.claim()) await bench.worker.complete(step, { success: true })
  await sendRaw(bench.database, { step_uuid: randomUUID() })
  await orchestrator.start()
  const settled = async () => settledTaskStates.has((await orchestrator.progress(good)).state)
  await bench.worker.workUntil(settled, () => ({ success: true }))
  const setAside = async () => bench.rows('SELECT reason FROM stephost.rejected_messages ORDER BY reason')
  await until(async () => (await setAside()).length === malformed.length + 2)
  const reasons = (await setAside()).map((row) => String(row['reason']))
  expect(reasons.filter((reason) => reason === 'the message has no step_uuid that is a UUID')).toHaveLength(4)
  expect(reasons.filter((reason) => reason === 'there is no step with this id')).toHaveLength(1)
  expect(reasons.filter((reason) => reason.startsWith('the result could not be processed'))).toHaveLength(1)
  const metrics = async () => (await fetch(`${server.address}/metrics`)).text()
  await until(async () => (await metrics()).includes('tasker_steps_results_rejected_total 6\n'))
  expect(await metrics()).toContain('tasker_steps_results_processed_total 2\n')
  expect((await orchestrator.task(good)).state).toBe('complete')
  expect(await bench.rows('SELECT count(*)::int AS n FROM pgmq.q_orchestration_step_results')).toEqual([{ n: 0 }])
  await server.stop()
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})
