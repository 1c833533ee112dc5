// A database of its own with registered templates and enqueued steps, and workers on it: where all workloads but the drains run.
import { Database } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import type { Bench } from './bench-options.ts'
import type { LineProcess } from './line-process.ts'
import { NoFigure } from './no-figure.ts'
import { RegisteredListener } from './registered-listener.ts'
import { withDatabase } from './scratch-cluster.ts'
import { preloadSteps, type StepPreload } from './step-preload.ts'
import { stepOffences } from './step-verification.ts'
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
  readonly url: string
  readonly database: Database
  readonly #bench: Bench
  readonly #options: StandOptions
  readonly #listener: RegisteredListener
  readonly #processes: LineProcess[] = []

  private constructor(bench: Bench, options: StandOptions, url: string) {
    this.#bench = bench
    this.#options = options
    this.url = url
    this.database = new Database({
      ...{ url, applicationName: 'stephost bench' },
      ...{ connectionsMax: 2, acquireTimeoutMs: 10_000 },
    })
    this.#listener = new RegisteredListener(this.database)
  }

  /** Runs `work` on a stand; whatever it has started is stopped afterwards, and the database dropped. */
  static async with<T>(bench: Bench, options: StandOptions, work: (stand: WorkerStand) => Promise<T>): Promise<T> {
    const url = await bench.cluster.create(options.name)
    await withDatabase(url, async (database) => {
      await migrate(database)
      const roots = options.languages.map(languageRoot)
      for (const preload of options.preloads) await preloadSteps(database, { ...preload, roots })
      await database.query({ text: 'VACUUM ANALYZE' })
    })
    await bench.cluster.administer((server) => server.query({ text: 'CHECKPOINT' }))
    const stand = new WorkerStand(bench, options, url)
    await stand.database.start()
    try {
      if (options.listener) await stand.#listener.start()
      return await work(stand)
    } finally {
      for (const child of stand.#processes) await child.stop('SIGTERM')
      await stand.#listener.stop()
      await stand.database.stop()
      await bench.cluster.drop(options.name)
    }
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
    this.#processes.push(child)
  }

  /** Rejects with a NoFigure when a step was lost or has more than one result; `recovered`: steps may have run again. */
  async verify(count: number, recovered: boolean): Promise<void> {
    const offences = await stepOffences(this.database, { count, recovered })
    if (offences.length > 0) throw new NoFigure(this.#options.name, offences)
  }
}
