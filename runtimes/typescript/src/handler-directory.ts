// Callable → handler class, with the same rules of resolution in every runtime.

import { dependenciesOf } from './function-arguments.ts'
import type { HandlerEntry } from './messages.ts'
import { holdsThread } from './process-handler.ts'
import { HandlerRegistry } from './registry.ts'
import { batchLimits } from './row-batch.ts'
import { StepHandler, type StepHandlerClass } from './step-handler.ts'

export interface LoadedHandler {
  readonly handlerClass: StepHandlerClass
  readonly callable: string
  readonly aliases: readonly string[]
  readonly version: string
  /** Relative to its root. */
  readonly file: string
  readonly root: string
}

/** Source of the two resolver names: handler-api §2. */
const resolvers = ['explicit_mapping', 'class_lookup']

export type Resolution =
  | { readonly handler: LoadedHandler; readonly problem: null }
  | { readonly handler: null; readonly problem: string }

export class HandlerDirectory {
  readonly #declared = new Map<string, LoadedHandler>()
  readonly #aliases = new Map<string, LoadedHandler>()

  /** Expects each callable once. An alias that two handlers share, or that is a callable itself, reaches nobody. */
  constructor(handlers: readonly LoadedHandler[]) {
    for (const handler of handlers) this.#declared.set(handler.callable, handler)
    const shared = new Set<string>()
    for (const handler of handlers) {
      for (const alias of handler.aliases) {
        if (this.#aliases.has(alias)) shared.add(alias)
        this.#aliases.set(alias, handler)
      }
    }
    for (const alias of [...shared, ...this.#declared.keys()]) this.#aliases.delete(alias)
  }

  entries(): HandlerEntry[] {
    return [...this.#declared.values()].map((handler) => ({
      callable: handler.callable,
      aliases: handler.aliases.filter((alias) => this.#aliases.get(alias) === handler),
      file: handler.file,
      root: handler.root,
      version: handler.version,
      capabilities: capabilitiesOf(handler.handlerClass),
      on_crash: handler.handlerClass.onCrash,
      batch: batchLimits(handler.handlerClass),
      depends_on: dependenciesOf(handler.handlerClass),
      synchronous: holdsThread(handler.handlerClass),
    }))
  }

  /** `explicit_mapping` knows declared names, `class_lookup` class and export names; without a resolver both are asked in this order. */
  resolve(callable: string, resolver: string | null): Resolution {
    if (resolver !== null && !resolvers.includes(resolver)) return authored(callable, resolver)
    const declared = resolver === 'class_lookup' ? undefined : this.#declared.get(callable)
    const handler = declared ?? (resolver === 'explicit_mapping' ? undefined : this.#aliases.get(callable))
    if (handler !== undefined) return { handler, problem: null }
    const asked = resolver === null ? '' : ` by resolver "${resolver}"`
    return {
      handler: null,
      problem: `no TypeScript handler "${callable}" is found${asked}; \`stephost handlers\` lists those that are loaded`,
    }
  }
}

/** By a resolver of an author, which answers at once: one that returns a promise is asked for the callables it registers only. */
function authored(callable: string, resolver: string): Resolution {
  const chain = HandlerRegistry.instance.getResolverChain()
  const named = chain.custom().find(({ name }) => name === resolver)
  if (named === undefined) {
    const known = [...resolvers, ...chain.custom().map(({ name }) => name)].join(', ')
    return { handler: null, problem: `resolver "${resolver}" is unknown; known are ${known}` }
  }
  const definition = { callable, resolver }
  const found = named.canResolve(definition, {}) ? named.resolve(definition, {}) : null
  if (!(found instanceof StepHandler)) {
    return { handler: null, problem: `resolver "${resolver}" gives no handler for "${callable}"` }
  }
  const handlerClass = found.constructor as StepHandlerClass
  const about = { callable, aliases: [], version: handlerClass.handlerVersion, file: '', root: '' }
  return { handler: { handlerClass, ...about }, problem: null }
}

/** A getter is asked without running the constructor. Every handler can `process`; saying so would tell the host nothing. */
function capabilitiesOf(handlerClass: StepHandlerClass): string[] {
  try {
    const bare = Object.create(handlerClass.prototype) as StepHandlerClass['prototype']
    return bare.capabilities.map(String).filter((word) => word !== 'process')
  } catch {
    return []
  }
}
