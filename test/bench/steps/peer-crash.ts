// W6 of a peer: one of two workers is killed; what is done, lost and begun again by the time the bench stops waiting.
import type { Contender } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import type { Run } from './measures.ts'
import { type Patience, PeerStand } from './peer-stand.ts'
import type { Peer } from './peers.ts'
import { systemNames } from './system-names.ts'

/** Peers take up the jobs of a dead worker after 30 s to 4 h; nobody waits for that here. */
const patience: Patience = { stillMaxS: 60, totalMaxS: 300 }

export function killedPeer(bench: Bench, peer: Peer): Contender {
  const count = Math.max(1, Math.round(bench.options.tasks * peer.share))
  return {
    ...{ name: systemNames.killed(peer.name), count, beside: systemNames.killedWorker },
    run: () => PeerStand.with(bench, peer, { count, preloaded: count }, (stand) => killedRun(stand, count)),
  }
}

/** Lost jobs are a finding here, and no reason to refuse figures. */
async function killedRun(stand: PeerStand, count: number): Promise<Run> {
  const [victim, standby] = await Promise.all([stand.worker(), stand.worker()])
  await stand.reached(count / 2, victim.child, patience)
  await victim.die()
  const killedAt = performance.now()
  await stand.reached(count, standby.child, patience)
  const waitedS = (performance.now() - killedAt) / 1000
  const { done, locked, waiting, again } = await stand.standing()
  const measures = { lostSteps: count - done - locked - waiting, stepsRunAgain: again }
  const { facts } = standby
  if (done === count) return { measures: { doneAfterKillS: waitedS, ...measures }, facts }
  return { measures: { ...measures, leftJobs: locked + waiting }, facts, exceeded: { doneAfterKillS: waitedS } }
}
