// W6 of a peer: one of two workers is killed; what is done, lost and begun again by the time the bench stops waiting.
import type { Contender } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { requireHeldWork } from './kill-timing.ts'
import type { Run } from './measures.ts'
import { patienceFor } from './patience.ts'
import { PeerStand } from './peer-stand.ts'
import type { Peer } from './peers.ts'
import { systemNames } from './system-names.ts'

export function killedPeer(bench: Bench, peer: Peer): Contender {
  const count = Math.max(1, Math.round(bench.options.tasks * peer.share))
  const name = systemNames.killed(peer.name)
  return {
    ...{ name, count, beside: systemNames.killedWorker },
    run: () => PeerStand.with(bench, peer, { count, preloaded: count }, (stand) => killedRun(stand, name, count)),
  }
}

/** Lost jobs are a finding here, and no reason to refuse figures. */
async function killedRun(stand: PeerStand, system: string, count: number): Promise<Run> {
  const [victim, standby] = await Promise.all([stand.worker(), stand.worker()])
  const doneBefore = await stand.reached(count / 2, victim.child, patienceFor.crash)
  const inJob = await victim.die()
  const killedAt = performance.now()
  const { locked: held } = await stand.standing()
  requireHeldWork(system, { count, doneBefore, held: inJob && held > 0 })
  await stand.reached(count, standby.child, patienceFor.crash)
  const waitedS = (performance.now() - killedAt) / 1000
  const { done, locked, waiting, again } = await stand.standing()
  const measures = { lostSteps: count - done - locked - waiting, stepsRunAgain: again, leftJobs: locked + waiting }
  const { facts } = standby
  if (done === count) return { measures: { doneAfterKillS: waitedS, ...measures }, facts }
  return { measures, facts, exceeded: { doneAfterKillS: waitedS } }
}
