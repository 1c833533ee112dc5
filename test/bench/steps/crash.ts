// W6: a worker is killed in the middle of its work while another stands by, and a sidecar is; how long until everything is done.
import { readFileSync } from 'node:fs'
import { chosenOf, inRounds } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { requireHeldWork } from './kill-timing.ts'
import type { LineProcess } from './line-process.ts'
import type { Cell, Measures, Run } from './measures.ts'
import { allStored, sentResults } from './our-drain.ts'
import { patienceFor, waitUntilDone } from './patience.ts'
import { killedPeer } from './peer-crash.ts'
import { peersIn } from './peers.ts'
import { childrenOf } from './process-tree.ts'
import { systemNames } from './system-names.ts'
import { settingsFacts, startStephost, workerReady, writeSettings } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

const workerRunsMax = 3
const sidecarSteps = 2_000
const pollMs = 20

export async function crashes(bench: Bench): Promise<readonly Cell[]> {
  const { options } = bench
  const { runs, tasks, systems } = options
  const ours = { name: systemNames.killedWorker, count: tasks, beside: null, run: () => killedWorker(bench, tasks) }
  const contenders = chosenOf([ours, ...peersIn(options, 'w6').map((peer) => killedPeer(bench, peer))], systems)
  const workers = { workload: 'w6', runs: Math.min(runs, workerRunsMax), contenders, told }
  const count = Math.min(sidecarSteps, tasks)
  const sidecar = { name: systemNames.killedSidecar, count, beside: null, run: () => killedSidecar(bench, count) }
  const sidecars = { workload: 'w6', runs: 1, contenders: chosenOf([sidecar], systems), told }
  return [...(await inRounds(bench, workers)), ...(await inRounds(bench, sidecars))]
}

function told({ measures, exceeded }: Run): string {
  const afterS = measures['doneAfterKillS']
  if (afterS !== undefined) return `all done ${afterS.toFixed(1)} s after the kill`
  return `${measures['leftJobs']} jobs left ${exceeded?.['doneAfterKillS']?.toFixed(0)} s after the kill`
}

async function killedWorker(bench: Bench, count: number): Promise<Run> {
  const preloads = [{ count, templates: ['noop_typescript'], messages: true }]
  const place = { name: 'bench_crash', languages: ['typescript'] as const, preloads, listener: true }
  return WorkerStand.with(bench, place, async (stand) => {
    const [victim, standby] = await Promise.all([stand.worker(), stand.worker()])
    const doneBefore = await untilHalf(stand, victim, count)
    victim.kill('SIGKILL')
    const killedAt = performance.now()
    await allStored(stand.database, count, standby, patienceFor.crash)
    const doneAfterKillS = (performance.now() - killedAt) / 1000
    await stand.verify(count, true)
    const lost = await losses(stand)
    // A step that a worker held begins again, and no other one does.
    requireHeldWork(systemNames.killedWorker, { count, doneBefore, held: lost.stepsRunAgain > 0 })
    return { measures: { doneAfterKillS, ...lost }, facts: settingsFacts(bench.options) }
  })
}

/** Here an orchestrator runs, because a crash of a sidecar is a failure that it retries. */
async function killedSidecar(bench: Bench, count: number): Promise<Run> {
  const preloads = [{ count, templates: ['noop_python'], messages: true }]
  const place = { name: 'bench_sidecar', languages: ['python'] as const, preloads, listener: false }
  return WorkerStand.with(bench, place, async (stand) => {
    const config = await writeSettings(bench.cluster.directory, {
      'orchestration.web.enabled': false,
      'orchestration.grpc.enabled': false,
    })
    const orchestrator = startStephost(['orchestrator', '--config', config, '--json'], stand.url)
    stand.adopt(orchestrator)
    await workerReady(orchestrator)
    const worker = await stand.worker()
    const doneBefore = await untilHalf(stand, worker, count)
    const [sidecar] = childrenOf(worker.pid).filter(isSidecar)
    if (sidecar === undefined) throw new Error('the worker has no sidecar to kill')
    process.kill(sidecar, 'SIGKILL')
    const killedAt = performance.now()
    // What it had not begun goes on in the next process and begins only once, so the steps of the worker tell whether it had any.
    requireHeldWork(systemNames.killedSidecar, { count, doneBefore, held: (await stepsHeld(stand)) > 0 })
    const look = () => stepsDone(stand)
    await waitUntilDone(count, { worker, patience: patienceFor.crash, look, restMs: () => pollMs })
    const doneAfterKillS = (performance.now() - killedAt) / 1000
    await stand.verify(count, true)
    return { measures: { doneAfterKillS, ...(await losses(stand)) }, facts: settingsFacts(bench.options) }
  })
}

function isSidecar(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('python')
  } catch {
    return false
  }
}

/** By the results that were sent: an orchestrator may be behind the worker. */
function untilHalf({ database }: WorkerStand, worker: LineProcess, count: number): Promise<number> {
  const look = () => sentResults(database)
  return waitUntilDone(count / 2, { worker, patience: patienceFor.crash, look, restMs: () => pollMs })
}

async function stepsHeld({ database }: WorkerStand): Promise<number> {
  const [row] = await database.query<{ held: number }>({
    text: `SELECT count(*)::int AS held FROM tasker.workflow_step_transitions WHERE most_recent AND to_state = 'in_progress'`,
  })
  return row?.held ?? 0
}

async function stepsDone({ database }: WorkerStand): Promise<number> {
  const [row] = await database.query<{ done: number }>({
    text: 'SELECT count(*)::int AS done FROM tasker.workflow_steps WHERE processed',
  })
  return row?.done ?? 0
}

/** A run in which any was lost or has two results has no figure at all; so both are nought wherever they are printed. */
async function losses({ database }: WorkerStand): Promise<Measures & { readonly stepsRunAgain: number }> {
  const [row] = await database.query<{ lost: number; twice: number; again: number }>({
    text: `
SELECT (count(*) FILTER (WHERE results = 0))::int AS lost, (count(*) FILTER (WHERE results > 1))::int AS twice,
       (count(*) FILTER (WHERE runs > 1))::int AS again
  FROM (SELECT count(*) FILTER (WHERE to_state = 'enqueued_for_orchestration') AS results,
               count(*) FILTER (WHERE to_state = 'in_progress') AS runs
          FROM tasker.workflow_step_transitions GROUP BY workflow_step_uuid) AS steps`,
  })
  return { lostSteps: row?.lost ?? 0, doubleCommits: row?.twice ?? 0, stepsRunAgain: row?.again ?? 0 }
}
