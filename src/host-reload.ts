// Hot reload: a changed handler file makes its language load its files anew, one reload at a time for each.

import { resolve, sep } from 'node:path'
import type { OpenedAdapters } from './host-adapters.ts'
import { isTemplateFile, type NameRule, runtimeOfFile } from './host-handler-files.ts'
import type { HostLog } from './host-health.ts'
import { HandlerWatcher } from './host-watcher.ts'
import { type RuntimeName, runtimeNames } from './model/handler.ts'
import { type HostError, messageOf } from './model/host-error.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import type { RuntimeAdapter } from './model/runtime-adapter.ts'

export interface HandlerReloadOptions {
  readonly handlerRoots: readonly string[]
  /** A directory of templates alone (`TASKER_TEMPLATE_PATH`); null: none. */
  readonly templatePath: string | null
  readonly isIgnored: NameRule
  readonly log: Pick<HostLog, 'info' | 'warn'>
  /** Makes what the changed files are the source of. Resolves with why it could not; then the version from before serves. */
  prepare(runtime: RuntimeName): Promise<string | null>
  /** An adapter that is not started yet, for a language whose first file appeared. */
  make(runtime: RuntimeName): RuntimeAdapter
  open(adapter: RuntimeAdapter): Promise<HostError | null>
  /** Template files were added, changed or removed. */
  templatesChanged(): void
  /** Handlers or load failures may be others now. `live` is false when a reload was refused, which has been said. */
  reloaded(outcome: { live: boolean }): void
}

export interface RefusedReload {
  readonly runtime: RuntimeName
  /** Why the version from before serves. */
  readonly problem: string
}

export class HandlerReload implements Lifecycle {
  readonly #options: HandlerReloadOptions
  readonly #watcher: HandlerWatcher
  readonly #refused = new Map<RuntimeName, string>()
  /** Languages that load right now. */
  readonly #loading = new Map<RuntimeName, Promise<void>>()
  /** Languages that have changed since their last load began. */
  readonly #due = new Set<RuntimeName>()
  /** What does not belong to the flow yet, and must not outlive us. */
  readonly #joining = new Set<RuntimeAdapter>()
  /** null until the host has opened the languages: changes wait. */
  #opened: OpenedAdapters | null = null
  #stopped = false

  constructor(options: HandlerReloadOptions) {
    this.#options = options
    this.#watcher = new HandlerWatcher({
      handlerRoots: [...options.handlerRoots, ...(options.templatePath === null ? [] : [options.templatePath])],
      isIgnored: options.isIgnored,
      changed: (files) => this.#take(files),
      incomplete: (message) => {
        const cure = 'restart to use what changes there, or raise fs.inotify.max_user_watches'
        options.log.warn({ error: message }, `not every handler file can be watched: ${cure}`)
      },
    })
  }

  /** Languages whose newest files are not served. */
  get refused(): readonly RefusedReload[] {
    return [...this.#refused].map(([runtime, problem]) => ({ runtime, problem }))
  }

  /** From here on no change is lost. It is begun before handlers are loaded, so that a file saved meanwhile is loaded again. */
  start(): Promise<void> {
    return this.#watcher.start()
  }

  /** The languages are open: changes go live from now on. */
  serve(opened: OpenedAdapters): void {
    this.#opened = opened
    this.#options.log.info({ directories: this.#options.handlerRoots }, 'watching the handler files')
    for (const runtime of this.#due) this.#begin(runtime)
  }

  /** Reloads that run are not waited for: they belong to their adapters, which are stopped next. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watcher.stop()
    await Promise.all([...this.#joining].map((adapter) => adapter.stop()))
  }

  #take(files: ReadonlySet<string>): void {
    const changed = [...files]
    if (changed.some(isTemplateFile)) this.#options.templatesChanged()
    const roots = this.#options.handlerRoots.map((root) => resolve(root) + sep)
    const runtimes = new Set(changed.filter((file) => roots.some((root) => file.startsWith(root))).map(runtimeOfFile))
    for (const runtime of runtimeNames) {
      if (!runtimes.has(runtime)) continue
      this.#due.add(runtime)
      if (this.#opened !== null) this.#begin(runtime)
    }
  }

  #begin(runtime: RuntimeName): void {
    if (this.#loading.has(runtime)) return
    const done = this.#loadWhileDue(runtime).finally(() => this.#loading.delete(runtime))
    this.#loading.set(runtime, done)
  }

  /** Changes during a load are not in it for certain, so one more follows. */
  async #loadWhileDue(runtime: RuntimeName): Promise<void> {
    while (this.#due.delete(runtime) && !this.#stopped) {
      const adapter = this.#opened?.adapters.find(({ name }) => name === runtime)
      await this.#load(runtime, adapter).catch((error: unknown) => this.#broken(runtime, adapter, messageOf(error)))
    }
  }

  async #load(runtime: RuntimeName, adapter: RuntimeAdapter | undefined): Promise<void> {
    const problem = adapter === undefined ? await this.#join(runtime) : await this.#reload(adapter)
    if (this.#stopped) return
    if (problem === null) this.#refused.delete(runtime)
    this.#options.reloaded({ live: problem === null })
  }

  /** Nobody waits for a reload, so what it rejects with must end here: it would end the worker. */
  #broken(runtime: RuntimeName, adapter: RuntimeAdapter | undefined, message: string): void {
    if (this.#stopped) return
    const why = withoutFullStop(message)
    if (adapter === undefined) this.#options.log.warn({}, `${runtime} handlers not loaded: ${why}`)
    else this.#refuse(adapter, why)
  }

  #refuse({ name }: RuntimeAdapter, why: string): void {
    this.#refused.set(name, why)
    this.#options.log.warn({}, `${name} handlers not reloaded: ${why}; the version from before serves`)
  }

  async #reload(adapter: RuntimeAdapter): Promise<string | null> {
    const startedAt = performance.now()
    const unprepared = await this.#options.prepare(adapter.name)
    if (this.#stopped) return null
    const { live, problem } = unprepared === null ? await adapter.reload() : { live: false, problem: unprepared }
    if (this.#stopped) return null
    if (live) {
      const durationMs = Math.round(performance.now() - startedAt)
      this.#options.log.info(
        { handlers: adapter.handlers().length, duration_ms: durationMs },
        `${adapter.name} handlers reloaded`,
      )
      return null
    }
    const why = withoutFullStop(problem ?? 'the runtime does not say why')
    this.#refuse(adapter, why)
    return why
  }

  /** The first file of a language, or another try of one that could not start. */
  async #join(runtime: RuntimeName): Promise<string | null> {
    // A problem here is among the load failures of the adapter.
    await this.#options.prepare(runtime)
    if (this.#stopped) return null
    const adapter = this.#options.make(runtime)
    this.#joining.add(adapter)
    try {
      const fault = await this.#options.open(adapter)
      if (this.#stopped) await adapter.stop()
      else if (fault === null) {
        this.#options.log.info({ handlers: adapter.handlers().length }, `${runtime} handlers loaded`)
      } else this.#options.log.warn({ hint: fault.hint }, `${runtime} handlers not loaded: ${fault.message}`)
      return fault === null ? null : fault.message
    } finally {
      this.#joining.delete(adapter)
    }
  }
}

function withoutFullStop(sentence: string): string {
  return sentence.replace(/[.\s]+$/, '')
}
