// The languages of one host: opened together, told about, and followed when their handler files change.

import { CrateBuilder } from './adapters/native/crate-builder.ts'
import { findHandlerCrates, hasCargo } from './adapters/native/handler-libraries.ts'
import type { Config } from './config/config.ts'
import {
  makeAdapter,
  makeIsolatedAdapter,
  type OpenAdaptersOptions,
  OpenedAdapters,
  openAdapter,
  openAdapters,
} from './host-adapters.ts'
import { ignoredNames, ignorePatterns } from './host-handler-files.ts'
import type { HostLog } from './host-health.ts'
import { findPython, missingEnvironment } from './host-interpreters.ts'
import { HandlerReload, type RefusedReload } from './host-reload.ts'
import type { HandlerDescriptor, LoadFailure, RuntimeName } from './model/handler.ts'
import { messageOf } from './model/host-error.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import type { LogRecord, RuntimeAdapter } from './model/runtime-adapter.ts'

export interface HostLanguagesOptions {
  readonly config: Config
  readonly handlerRoots: readonly string[]
  /** `--data-dir`; null: the default. */
  readonly dataDir: string | null
  /** Whether changed handler files go live. */
  readonly reload: boolean
  readonly log: HostLog
  handlerLog(record: LogRecord): void
  /** Other handlers are loaded than before. */
  reloaded(): void
  /** Template files were added, changed or removed. */
  templatesChanged(): void
}

export class HostLanguages implements Lifecycle {
  readonly #options: HostLanguagesOptions
  readonly #adapterOptions: OpenAdaptersOptions
  readonly #reload: HandlerReload | null
  readonly #crates = new CrateBuilder()
  #opened = new OpenedAdapters()
  /** Load failures that were said already. */
  #said: ReadonlySet<string> = new Set()

  constructor(options: HostLanguagesOptions) {
    const { config, handlerRoots, dataDir, log } = options
    const adapterOptions = { config, handlerRoots, dataDir, log: (record: LogRecord) => options.handlerLog(record) }
    this.#options = options
    this.#adapterOptions = adapterOptions
    this.#reload = options.reload
      ? new HandlerReload({
          ...{ handlerRoots, log },
          templatePath: config.templatePath,
          templatesChanged: () => options.templatesChanged(),
          isIgnored: ignoredNames(ignorePatterns(config.runtimes.ignore, handlerRoots)),
          prepare: (runtime) => this.#prepare(runtime),
          make: (runtime) => makeAdapter(runtime, adapterOptions),
          open: (adapter) => openAdapter(this.#opened, adapter, adapterOptions),
          reloaded: ({ live }) => {
            this.#tellFailures({ aloud: live })
            options.reloaded()
          },
        })
      : null
  }

  get opened(): OpenedAdapters {
    return this.#opened
  }

  get refusedReloads(): readonly RefusedReload[] {
    return this.#reload?.refused ?? []
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#opened.adapters.flatMap((adapter) => adapter.handlers())
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#opened.adapters.flatMap((adapter) => adapter.loadFailures())
  }

  /** See `makeIsolatedAdapter`. */
  isolated(runtime: RuntimeName): RuntimeAdapter {
    return makeIsolatedAdapter(runtime, this.#adapterOptions)
  }

  /** Rejects with HANDLERS_DIR_MISSING. Files that are saved from here on are not missed. */
  async start(): Promise<void> {
    await this.#reload?.start()
    try {
      this.#opened = await openAdapters(this.#adapterOptions)
    } catch (error) {
      await this.#reload?.stop()
      throw error
    }
    this.#tellPackages()
    const { log } = this.#options
    for (const { runtime, error } of this.#opened.unavailable) log.warn({ runtime, hint: error.hint }, error.message)
    this.#tellFailures({ aloud: true })
  }

  /** Changed files go live from here on. */
  follow(): void {
    this.#reload?.serve(this.#opened)
  }

  /** The beginning of the end: no handlers come or go any more, those that run go on. */
  async stopFollowing(): Promise<void> {
    await Promise.all([this.#reload?.stop(), this.#crates.stop()])
  }

  async stop(): Promise<void> {
    await this.stopFollowing()
    await this.#opened.stop()
  }

  /** Crates are built before they are loaded; without cargo only built libraries can change. */
  async #prepare(runtime: RuntimeName): Promise<string | null> {
    if (runtime !== 'rust' || !hasCargo()) return null
    try {
      const crates = findHandlerCrates(this.#options.handlerRoots)
      const failed = (await this.#crates.build(crates)).find(({ built }) => !built)
      return failed === undefined ? null : `${failed.file} does not build`
    } catch (error) {
      // A directory that was moved away, or is just being removed.
      return messageOf(error)
    }
  }

  #tellPackages(): void {
    if (!this.#opened.adapters.some(({ name }) => name === 'python')) return
    const { config, handlerRoots, log } = this.#options
    const python = findPython(config.runtimes.python.interpreter, handlerRoots)
    const warning = missingEnvironment(python, handlerRoots)
    if (warning !== null) log.warn({}, warning)
  }

  /** After a reload the old ones are not repeated; those of a refused one stand in its own line. */
  #tellFailures({ aloud }: { aloud: boolean }): void {
    const failures = this.loadFailures().map(({ file, message }) => ({ file, message, key: `${file}: ${message}` }))
    for (const { file, message, key } of failures) {
      if (aloud && !this.#said.has(key)) this.#options.log.error({ file }, message)
    }
    this.#said = new Set(failures.map(({ key }) => key))
  }
}
