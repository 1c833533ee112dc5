// A database of its own with registered templates and enqueued steps, and workers on it: where all workloads but the drains run.
import type { Database } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import type { Bench } from './bench-options.ts'
import type { LineProcess } from './line-process.ts'
import { NoFigure } from './no-figure.ts'
import { RegisteredListener } from './registered-listener.ts'
import { withDatabase } from './scratch-cluster.ts'
import { ScratchStand } from './scratch-stand.ts'
import { preloadSteps, type StepPreload } from './step-preload.ts'
import { dropOneResult, stepOffences } from './step-verification.ts'
import { type Language, languageRoot, startWorker, type WorkerOptions, workerReady } from './worker-process.ts'

export interface StandOptions {
  readonly name: string
  readonly languages: readonly Language[]
  readonly preloads: readonly Omit<StepPreload, 'roots'>[]
  readonly settings?: WorkerOptions['settings']
  /** False: an orchestrator runs and speaks for itself. */
  readonly listener: boolean
}

export class WorkerStand {
  readonly #bench: Bench
  readonly #options: StandOptions
  readonly #scratch: ScratchStand

  private constructor(bench: Bench, options: StandOptions, scratch: ScratchStand) {
    this.#bench = bench
    this.#options = options
    this.#scratch = scratch
  }

  get url(): string {
    return this.#scratch.url
  }

  get database(): Database {
    return this.#scratch.database
  }

  /** Runs `work` on a stand; whatever it has started is stopped afterwards, and the database dropped. */
  static async with<T>(bench: Bench, options: StandOptions, work: (stand: WorkerStand) => Promise<T>): Promise<T> {
    const prepare = (url: string) =>
      withDatabase(url, async (database) => {
        await migrate(database)
        const roots = options.languages.map(languageRoot)
        for (const preload of options.preloads) await preloadSteps(database, { ...preload, roots })
      })
    return ScratchStand.with(bench, { name: options.name, prepare }, async (scratch) => {
      const listener = new RegisteredListener(scratch.database)
      try {
        if (options.listener) await listener.start()
        return await work(new WorkerStand(bench, options, scratch))
      } finally {
        await scratch.stopProcesses()
        await listener.stop()
      }
    })
  }

  /** Resolves when it is ready. */
  async worker(): Promise<LineProcess> {
    const { languages, settings } = this.#options
    const { options, cluster } = this.#bench
    const worker = await startWorker({
      ...{ url: this.url, languages, directory: cluster.directory, config: options.config },
      ...(settings === undefined ? {} : { settings }),
    })
    this.adopt(worker)
    await workerReady(worker)
    return worker
  }

  /** Stops it when the stand goes. */
  adopt(child: LineProcess): void {
    this.#scratch.adopt(child)
  }

  /** Rejects with a NoFigure when a step was lost or has more than one result; `recovered`: steps may have run again. */
  async verify(count: number, recovered: boolean): Promise<void> {
    if (this.#bench.options.selfTest) await dropOneResult(this.database)
    const offences = await stepOffences(this.database, { count, recovered })
    if (offences.length > 0) throw new NoFigure(this.#options.name, offences)
  }
}
