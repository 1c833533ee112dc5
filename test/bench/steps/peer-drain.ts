// The peers' systems for a drain.
import type { DrainSystem, OpenedSystem } from './drain-system.ts'
import { patienceFor, waitUntilDone } from './patience.ts'
import { PeerProcess, preloadPeer } from './peer-process.ts'
import { doneJobs, type Peer, peerOffences, standingOf } from './peers.ts'
import { withDatabase } from './scratch-cluster.ts'
import { systemNames } from './system-names.ts'

const settledPollMs = 5

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
      await worker.handledAll(patienceFor.drain.totalMaxS * 1000)
      const stored = await withDatabase(url, (database) =>
        waitUntilDone(count, {
          ...{ worker: worker.child, patience: patienceFor.messages },
          ...{ look: () => doneJobs(database, peer, count), restMs: () => settledPollMs },
        }),
      )
      return count - stored
    },
    close: () => worker.stop(),
  }
}
