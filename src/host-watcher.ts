// Watches the directories of handlers and templates and tells of changed files, a burst of changes at once.

import type { Stats } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import { isTemplateFile, type NameRule, runtimeOfFile } from './host-handler-files.ts'
import { messageOf } from './model/host-error.ts'
import type { Lifecycle } from './model/lifecycle.ts'

export interface HandlerWatcherOptions {
  readonly handlerRoots: readonly string[]
  readonly isIgnored: NameRule
  /** Absolute paths of files that were added, changed or removed. */
  changed(files: ReadonlySet<string>): void
  /** The system does not let us watch everything; said once. */
  incomplete(message: string): void
}

/** Editors write in several steps, and a checkout touches many files: what follows so closely belongs together. */
const quietMs = 50
/** A file that is written to without end must not keep the others from going live. */
const burstMaxMs = 500
/** The first look at the directories; a longer one goes on beside the work. */
const readyMaxMs = 10_000

export class HandlerWatcher implements Lifecycle {
  readonly #options: HandlerWatcherOptions
  readonly #roots: ReadonlySet<string>
  #watcher: FSWatcher | null = null
  #files = new Set<string>()
  #quietTimer: NodeJS.Timeout | null = null
  #burstTimer: NodeJS.Timeout | null = null
  #warned = false

  constructor(options: HandlerWatcherOptions) {
    this.#options = options
    this.#roots = new Set(options.handlerRoots.map((root) => resolve(root)))
  }

  /** Resolves when changes from now on are seen. Never rejects: without watches the work goes on. */
  async start(): Promise<void> {
    const watcher = watch([...this.#roots], {
      ignoreInitial: true,
      // A file that is replaced shows as removed and added; that is one change here anyway, and waiting for it costs 100 ms.
      atomic: false,
      ignored: (path, stats) => this.#isIgnored(path, stats),
    })
    this.#watcher = watcher
    watcher.on('all', (_event, path) => this.#add(path))
    watcher.on('error', (error) => this.#warn(error))
    await new Promise<void>((ready) => {
      const patience = setTimeout(ready, readyMaxMs)
      watcher.once('ready', () => {
        clearTimeout(patience)
        ready()
      })
    })
  }

  async stop(): Promise<void> {
    this.#clearTimers()
    this.#files.clear()
    const watcher = this.#watcher
    this.#watcher = null
    await watcher?.close()
  }

  /**
   * Every watched file costs one of the system's watches, so only those that are loaded are watched. A link to a directory is
   * shown as if it were a file, so it is not followed either: the loaders do not, and it may lead anywhere.
   */
  #isIgnored(path: string, stats: Stats | undefined): boolean {
    if (this.#roots.has(path)) return false
    if (this.#options.isIgnored(basename(path))) return true
    return stats !== undefined && !stats.isDirectory() && !isWatchedFile(path)
  }

  #add(path: string): void {
    if (!isWatchedFile(path)) return
    this.#files.add(path)
    if (this.#quietTimer !== null) clearTimeout(this.#quietTimer)
    this.#quietTimer = setTimeout(() => this.#tell(), quietMs)
    this.#burstTimer ??= setTimeout(() => this.#tell(), burstMaxMs)
  }

  #tell(): void {
    this.#clearTimers()
    const files = this.#files
    this.#files = new Set()
    this.#options.changed(files)
  }

  #clearTimers(): void {
    for (const timer of [this.#quietTimer, this.#burstTimer]) if (timer !== null) clearTimeout(timer)
    this.#quietTimer = null
    this.#burstTimer = null
  }

  #warn(error: unknown): void {
    if (this.#warned) return
    this.#warned = true
    this.#options.incomplete(messageOf(error))
  }
}

function isWatchedFile(path: string): boolean {
  return runtimeOfFile(path) !== null || isTemplateFile(path)
}
