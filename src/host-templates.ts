// The templates of one host: loaded from their files, registered, and taken again when the files change.

import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { type LoadedTemplates, loadTemplates } from './config/templates/load-templates.ts'
import type { HostLog } from './host-health.ts'
import { messageOf } from './model/host-error.ts'
import { type LoadedTemplate, type TaskTemplate, type TemplateProblem, templateKey } from './model/template.ts'

export interface HostTemplatesOptions {
  readonly roots: readonly string[]
  /** `TASKER_TEMPLATE_PATH`; null: none. */
  readonly templatePath: string | null
  /** Whose `environments` change the templates. */
  readonly environment?: string | null
  /** Warnings about templates keep them from loading. */
  readonly strict: boolean
  /** `common.cache`: where Tasker's server may keep templates; null: nowhere. */
  readonly cache: { readonly backend: string; readonly ttlS: number } | null
  readonly log: Pick<HostLog, 'info' | 'warn' | 'error'>
  /** What the handlers that are loaded say of the steps. An error keeps a template from loading. */
  check(templates: readonly LoadedTemplate[]): readonly TemplateProblem[]
  /** Creates or updates all; resolves with the keys of those that are new or others than before. */
  register(templates: readonly TaskTemplate[]): Promise<readonly string[]>
  /** Templates were registered after the start: what can run may be something else now. A rejection is tried again. */
  changed(): Promise<void> | void
}

/** A registration that failed is tried again: what somebody saved must not wait for the next save. */
const registerRetryMs = 2_000

export class HostTemplates {
  /** Template key → the handler root above its file. The same map all the time, with what holds now. */
  readonly rootsByTemplate = new Map<string, string>()
  readonly #options: HostTemplatesOptions
  #templates: readonly LoadedTemplate[] = []
  #problems: readonly TemplateProblem[] = []
  /** Problems that were said already. */
  #said: ReadonlySet<string> = new Set()
  #following = false
  #stopped = false
  #due = false
  #taking: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null

  constructor(options: HostTemplatesOptions) {
    this.#options = options
  }

  get templates(): readonly LoadedTemplate[] {
    return this.#templates
  }

  get problems(): readonly TemplateProblem[] {
    return this.#problems
  }

  /** Throws HANDLERS_DIR_MISSING or CONFIG_INVALID when a directory does not exist. */
  load(): void {
    const loaded = this.#read()
    this.#hold(loaded.templates, loaded.problems)
    for (const { severity, message } of this.#problems)
      this.#options.log[severity === 'error' ? 'error' : 'warn']({}, message)
    this.#said = new Set(this.#problems.map(({ message }) => message))
  }

  async register(): Promise<void> {
    this.#tellCached(await this.#options.register(this.#templates.map(({ template }) => template)))
  }

  /** Changed files are taken from here on, those that changed before too. */
  follow(): void {
    this.#following = true
    if (this.#due) this.filesChanged()
  }

  filesChanged(): void {
    this.#due = true
    if (!this.#following || this.#stopped) return
    this.#taking ??= this.#takeWhileDue().finally(() => {
      this.#taking = null
    })
  }

  /** Other handlers are loaded than before: what they cannot serve any more is said once. */
  handlersChanged(): void {
    this.#tellNew(this.#options.check(this.#templates))
  }

  /** Resolves when nothing is registered any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    await this.#taking
  }

  #read(): LoadedTemplates {
    const loaded = loadTemplates(this.#options)
    const unserved = this.#options.check(loaded.templates)
    const refused = new Set(unserved.filter(({ severity }) => severity === 'error').map(({ file }) => file))
    return {
      templates: loaded.templates.filter(({ file }) => !refused.has(file)),
      problems: [...loaded.problems, ...unserved],
    }
  }

  #hold(templates: readonly LoadedTemplate[], problems: readonly TemplateProblem[]): void {
    this.#templates = templates
    this.#problems = problems
    this.rootsByTemplate.clear()
    for (const { template, root } of templates) if (root !== null) this.rootsByTemplate.set(templateKey(template), root)
  }

  async #takeWhileDue(): Promise<void> {
    while (this.#due && !this.#stopped) {
      this.#due = false
      try {
        await this.#take()
      } catch (error) {
        if (this.#stopped) return
        this.#options.log.warn({ error: messageOf(error) }, 'changed templates are not registered; trying again')
        if (this.#retry !== null) clearTimeout(this.#retry)
        this.#retry = setTimeout(() => this.filesChanged(), registerRetryMs)
      }
    }
  }

  async #take(): Promise<void> {
    const { templates, problems } = this.#read()
    const kept = this.#templates.filter((former) => keepsServing(former, templates, problems))
    const keptFiles = new Set(kept.map(({ file }) => file))
    const said = problems.map((problem) =>
      keptFiles.has(problem.file) && problem.severity === 'error'
        ? { ...problem, message: `${problem.message}; the template from before serves` }
        : problem,
    )
    const all = [...templates, ...kept]
    const written = await this.#options.register(all.map(({ template }) => template))
    this.#hold(all, said)
    this.#tellNew(said)
    for (const { template, file } of all) {
      const key = templateKey(template)
      if (written.includes(key)) this.#options.log.info({ file: relative('.', file) }, `template ${key} registered`)
    }
    this.#tellCached(written)
    if (!this.#stopped) await this.#options.changed()
  }

  /** The keys are those of Tasker's cache. Source: wire-protocol §9.5. */
  #tellCached(written: readonly string[]): void {
    const { cache, log } = this.#options
    if (cache === null || written.length === 0) return
    const keys = written.map((key) => `tasker:task_template:${key.replace('/', ':').replace('@', ':')}`)
    const cure = cache.backend === 'redis' ? `; to end that now: redis-cli DEL ${keys.join(' ')}` : ''
    log.warn(
      { keys },
      `Tasker's server may go on with cached versions of templates that changed, for up to ${cache.ttlS} s${cure}`,
    )
  }

  #tellNew(problems: readonly TemplateProblem[]): void {
    for (const { message } of problems) if (!this.#said.has(message)) this.#options.log.warn({}, message)
    this.#said = new Set(problems.map(({ message }) => message))
  }
}

/** A template whose file has become unusable stays as it was; one whose file is gone, or that another file declares now, goes. */
function keepsServing(
  former: LoadedTemplate,
  templates: readonly LoadedTemplate[],
  problems: readonly TemplateProblem[],
): boolean {
  const key = templateKey(former.template)
  if (templates.some(({ template, file }) => file === former.file || templateKey(template) === key)) return false
  return (
    existsSync(former.file) &&
    problems.some(
      ({ severity, file, message }) => severity === 'error' && (file === former.file || message.includes(former.file)),
    )
  )
}
