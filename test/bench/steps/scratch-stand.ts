// A database of its own, what works on it, and the end of both.
import { Database } from '../../../src/postgres/database.ts'
import type { Bench } from './bench-options.ts'
import type { LineProcess } from './line-process.ts'

export interface ScratchOptions {
  readonly name: string
  /** Makes schema and jobs; the tables are analyzed afterwards. */
  prepare(url: string): Promise<void>
}

export class ScratchStand {
  readonly url: string
  readonly database: Database
  readonly #processes: LineProcess[] = []

  private constructor(url: string) {
    this.url = url
    this.database = new Database({
      ...{ url, applicationName: 'stephost bench' },
      ...{ connectionsMax: 2, acquireTimeoutMs: 10_000 },
    })
  }

  /** Runs `work` on a stand; whatever it has started is stopped afterwards, and the database dropped. */
  static async with<T>(
    { cluster }: Bench,
    { name, prepare }: ScratchOptions,
    work: (stand: ScratchStand) => Promise<T>,
  ): Promise<T> {
    const url = await cluster.create(name)
    const stand = new ScratchStand(url)
    try {
      await prepare(url)
      await cluster.settle(url)
      await stand.database.start()
      return await work(stand)
    } finally {
      await stand.stopProcesses()
      await stand.database.stop()
      await cluster.drop(name)
    }
  }

  /** Stops it when the stand goes. */
  adopt(child: LineProcess): void {
    this.#processes.push(child)
  }

  async stopProcesses(): Promise<void> {
    for (const child of this.#processes.splice(0)) await child.stop('SIGTERM')
  }
}
