// The peers where messages come one by one.
import { setTimeout as delay } from 'node:timers/promises'
import { type Answers, type MessageSystem, totalOf } from './message-system.ts'
import { patienceFor } from './patience.ts'
import { PeerStand } from './peer-stand.ts'
import type { Peer } from './peers.ts'
import { systemNames } from './system-names.ts'

/** Rare enough that looking costs the peer nothing; its times do not come from here. */
const answerPollMs = 10
const answerTimeoutMs = 30_000

/** Keys are the work and a number. */
export function peerMessages(peer: Peer): MessageSystem {
  return {
    name: peer.name,
    beside: systemNames.ours,
    sequenceShare: peer.sequenceShare,
    with: (bench, counts, work) => {
      const total = totalOf(counts)
      return PeerStand.with(bench, peer, { count: total, preloaded: 0 }, (stand) =>
        work({
          url: stand.url,
          database: stand.database,
          send: peer.send,
          keys: (name) => `SELECT '${name}-' || n AS key FROM generate_series(1, ${counts[name] ?? 0}) AS n`,
          results: () => ({ system: peer.name, results: peer.results }),
          adopt: (child) => stand.adopt(child),
          worker: async () => {
            const { child, facts } = await stand.worker()
            return { process: child, facts }
          },
          settled: async (worker) => total - (await stand.reached(total, worker, patienceFor.messages)),
          answers: async () => seenResults(stand),
          verify: () => stand.verify(),
        }),
      )
    },
  }
}

/** No peer tells its clients that a job is done; so the jobs that are done are counted until there is one more. */
function seenResults(stand: PeerStand): Answers {
  let expected = 0
  return {
    next: () => async () => {
      expected += 1
      const deadline = performance.now() + answerTimeoutMs
      do {
        if (performance.now() > deadline) throw new Error(`job ${expected} was not done in ${answerTimeoutMs} ms`)
        await delay(answerPollMs)
      } while ((await stand.done()) < expected)
    },
    close: async () => {},
  }
}
