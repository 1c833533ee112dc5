// A database with the jobs of a peer, and its workers on it.
import type { Database } from '../../../src/postgres/database.ts'
import type { Bench } from './bench-options.ts'
import type { LineProcess } from './line-process.ts'
import { NoFigure } from './no-figure.ts'
import { type Patience, waitUntilDone } from './patience.ts'
import { PeerProcess, preloadPeer } from './peer-process.ts'
import { doneJobs, type Peer, peerOffences, type Standing, standingOf } from './peers.ts'
import { ScratchStand } from './scratch-stand.ts'

export interface PeerJobs {
  /** All that there will be. */
  readonly count: number
  /** That are there before any worker. */
  readonly preloaded: number
}

const pollMinMs = 50
/** Counting many jobs is work, which must not be the peer's. */
const restPerLook = 20

export class PeerStand {
  readonly #bench: Bench
  readonly #peer: Peer
  readonly #count: number
  readonly #scratch: ScratchStand
  readonly #workers: PeerProcess[] = []

  private constructor(bench: Bench, peer: Peer, count: number, scratch: ScratchStand) {
    this.#bench = bench
    this.#peer = peer
    this.#count = count
    this.#scratch = scratch
  }

  static async with<T>(
    bench: Bench,
    peer: Peer,
    { count, preloaded }: PeerJobs,
    work: (stand: PeerStand) => Promise<T>,
  ): Promise<T> {
    const prepare = (url: string) => preloadPeer(peer, url, preloaded)
    return ScratchStand.with(bench, { name: 'bench_peer', prepare }, (scratch) =>
      work(new PeerStand(bench, peer, count, scratch)),
    )
  }

  get url(): string {
    return this.#scratch.url
  }

  get database(): Database {
    return this.#scratch.database
  }

  adopt(child: LineProcess): void {
    this.#scratch.adopt(child)
  }

  /** Resolves when it works. */
  async worker(): Promise<PeerProcess> {
    const worker = await PeerProcess.start(this.#peer, this.url, this.#count)
    this.adopt(worker.child)
    this.#workers.push(worker)
    worker.go()
    await worker.working()
    return worker
  }

  done(): Promise<number> {
    return doneJobs(this.database, this.#peer, this.#count)
  }

  standing(): Promise<Standing> {
    return standingOf(this.database, this.#peer, this.#count)
  }

  /** Resolves with how many jobs are done: `count`, or fewer when patience ended before. */
  reached(count: number, worker: LineProcess, patience: Patience): Promise<number> {
    return waitUntilDone(count, {
      ...{ worker, patience, look: () => this.done() },
      restMs: ({ tookMs }) => Math.max(pollMinMs, tookMs * restPerLook),
    })
  }

  /** Ends the workers first. Rejects with a NoFigure when a job was lost or ran twice; one that nobody has begun yet is neither. */
  async verify(): Promise<void> {
    const runs = await Promise.all(this.#workers.splice(0).map((worker) => worker.stop()))
    const handled = runs.reduce((sum: number | null, made) => (sum === null || made === null ? null : sum + made), 0)
    if (this.#bench.options.selfTest) await this.database.query({ text: this.#peer.dropOne })
    const offences = peerOffences(await this.standing(), { count: this.#count, handled, late: true })
    if (offences.length > 0) throw new NoFigure(this.#peer.name, offences)
  }
}
