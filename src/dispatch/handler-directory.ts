// Which adapter runs a callable: the tables that the runtimes announced, and the rule for names that several of them share.

import type { HandlerDescriptor, LoadFailure, ResolverDescriptor, RuntimeName } from '../model/handler.ts'
import { chooseHandler, findHandlers } from '../model/handler-choice.ts'
import type { RuntimeAdapter } from '../model/runtime-adapter.ts'

export interface CallableUse {
  readonly callable: string
  readonly namespace: string
  /** Tasker's Rust handlers are registered under the name of the step (handler-api §2). */
  readonly templateStep: string
  /** The template's `handler.resolver`; null: any way of finding it. */
  readonly resolver: string | null
  /** The handler root of the template, where it is known. */
  readonly root: string | null
}

export interface ResolvedHandler {
  readonly adapter: RuntimeAdapter
  readonly descriptor: HandlerDescriptor
}

export interface HandlerDirectoryOptions {
  /** `runtimes.namespaces`: the language of a namespace's ambiguous callables. */
  readonly namespaceRuntimes: Readonly<Record<string, RuntimeName>>
}

const answersMax = 10_000

export class HandlerDirectory {
  readonly #adapters: readonly RuntimeAdapter[]
  readonly #options: HandlerDirectoryOptions
  /** For as long as every runtime announces the tables that they were made from. */
  readonly #answers = new Map<string, ResolvedHandler | null>()
  #announced: readonly { readonly handlers: unknown; readonly resolvers: unknown }[] = []
  #anyTakesBatches = false

  constructor(adapters: readonly RuntimeAdapter[], options: HandlerDirectoryOptions) {
    this.#adapters = adapters
    this.#options = options
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#adapters.flatMap((adapter) => adapter.handlers())
  }

  get anyTakesBatches(): boolean {
    this.#keepUp()
    return this.#anyTakesBatches
  }

  resolvers(): readonly ResolverDescriptor[] {
    return this.#adapters.flatMap((adapter) => adapter.resolvers())
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#adapters.flatMap((adapter) => adapter.loadFailures())
  }

  /** null: nobody here has it, or several languages have it and nothing decides (design D14). */
  resolve(use: CallableUse): ResolvedHandler | null {
    this.#keepUp()
    const key = `${use.callable}\0${use.templateStep}\0${use.namespace}\0${use.resolver ?? '\0'}\0${use.root ?? '\0'}`
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = this.#resolve(use)
    if (this.#answers.size >= answersMax) this.#answers.clear()
    this.#answers.set(key, answer)
    return answer
  }

  /** Every step asks, and the tables hardly ever change: runtimes announce the same arrays until they announce something else. */
  #keepUp(): void {
    if (this.#isUpToDate()) return
    this.#announced = this.#adapters.map((adapter) => ({
      handlers: adapter.handlers(),
      resolvers: adapter.resolvers(),
    }))
    this.#answers.clear()
    this.#anyTakesBatches = this.handlers().some(({ batch }) => batch !== null)
  }

  #isUpToDate(): boolean {
    return this.#adapters.every((adapter, index) => {
      const known = this.#announced[index]
      return known?.handlers === adapter.handlers() && known.resolvers === adapter.resolvers()
    })
  }

  #resolve(use: CallableUse): ResolvedHandler | null {
    const found = findHandlers(this.handlers(), use.callable, use.templateStep)
    const descriptor = chooseHandler(found, {
      runtime: this.#options.namespaceRuntimes[use.namespace] ?? null,
      root: use.root,
    })
    const adapter = this.#adapters.find((candidate) => candidate.name === descriptor?.runtime)
    return descriptor === null || adapter === undefined ? this.#byResolver(use) : { adapter, descriptor }
  }

  /** An author's resolver makes handlers of names that nobody announced; which of them, only its runtime can say. */
  #byResolver({ callable, resolver }: CallableUse): ResolvedHandler | null {
    const having = this.#adapters.filter((each) => each.resolvers().some(({ name }) => name === resolver))
    const [adapter] = having
    if (adapter === undefined || having.length > 1) return null
    const about = { callable, aliases: [], runtime: adapter.name, file: `resolver ${resolver}`, root: '', version: '' }
    return { adapter, descriptor: { ...about, capabilities: [], dependsOn: [], batch: null, onCrash: 'backoff' } }
  }

  /** What answers depend on: each handler, whatever array it comes in, and the runtimes' health. The same values, the same answers. */
  tables(): readonly unknown[] {
    return this.#adapters.flatMap((adapter) => [...adapter.handlers(), ...adapter.resolvers(), adapter.health().status])
  }

  /** What a step with this callable may be claimed for: it resolves, and its runtime can take calls. Else null. */
  runnable(use: CallableUse): ResolvedHandler | null {
    const resolved = this.resolve(use)
    return resolved === null || resolved.adapter.health().status === 'unhealthy' ? null : resolved
  }
}
