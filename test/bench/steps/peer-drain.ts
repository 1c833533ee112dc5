// The peers' systems for a drain.
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../../src/postgres/database.ts'
import type { DrainSystem, OpenedSystem } from './drain-system.ts'
import { PeerProcess, preloadPeer } from './peer-process.ts'
import { doneJobs, type Peer, peerOffences, standingOf } from './peers.ts'
import { withDatabase } from './scratch-cluster.ts'
import { systemNames } from './system-names.ts'

const drainTimeoutMs = 900_000
const settledPollMs = 5
const settledTimeoutMs = 30_000

export function peerDrain(peer: Peer): DrainSystem {
  return {
    name: peer.name,
    preloadKey: peer.script.replace('-', '_'),
    share: peer.share,
    beside: systemNames.ours,
    preload: (url, count) => preloadPeer(peer, url, count),
    open: (url, count) => open(peer, url, count),
    offences: (url, count, handled) =>
      withDatabase(url, async (database) =>
        peerOffences(await standingOf(database, peer, count), { count, handled, late: false }),
      ),
    dropOneResult: (url) => withDatabase(url, async (database) => void (await database.query({ text: peer.dropOne }))),
  }
}

async function open(peer: Peer, url: string, count: number): Promise<OpenedSystem> {
  const worker = await PeerProcess.start(peer, url, count)
  return {
    pids: [worker.child.pid],
    facts: worker.facts,
    go: async () => worker.go(),
    done: async () => {
      await worker.handledAll(drainTimeoutMs)
      await withDatabase(url, (database) => settled(database, peer, count))
    },
    close: () => worker.stop(),
  }
}

/** After the time-out the check of the offences says what is missing. */
async function settled(database: Database, peer: Peer, count: number): Promise<void> {
  const deadline = performance.now() + settledTimeoutMs
  while (performance.now() < deadline && (await doneJobs(database, peer, count)) < count) await delay(settledPollMs)
}
