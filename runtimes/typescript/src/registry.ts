// Handlers that files register by hand. Source of names: handler-api §1.3, §2.

import { definitionOf, type HandlerDefinition } from './handler-definition.ts'
import { HandlerMistake } from './handler-mistake.ts'
import { ResolverChain } from './resolver-chain.ts'
import { type BaseResolver, ExplicitMappingResolver } from './resolvers.ts'
import { StepHandler, type StepHandlerClass } from './step-handler.ts'

/** Exporting a class is enough to serve it; registering it with `HandlerRegistry.instance` gives it a further name. */
export class HandlerRegistry {
  static readonly instance = new HandlerRegistry()

  readonly #mapping = new ExplicitMappingResolver()
  readonly #chain = new ResolverChain().addResolver(this.#mapping)

  /** The runtime loads the handler files by itself. */
  async initialize(): Promise<this> {
    return this
  }

  /** Throws HandlerMistake: it is no class of handlers. */
  register(name: string, handlerClass: StepHandlerClass): void {
    const given: unknown = handlerClass
    if (typeof given !== 'function' || !(given.prototype instanceof StepHandler)) {
      throw new HandlerMistake(`register("${name}", …) takes a class below StepHandler, not ${typeof given}`)
    }
    this.#mapping.handlers.set(name, handlerClass)
  }

  /** False: there was none. */
  unregister(name: string): boolean {
    return this.#mapping.handlers.delete(name)
  }

  /** A new handler. */
  async resolve(spec: string | HandlerDefinition): Promise<StepHandler | null> {
    return this.#chain.resolve(definitionOf(spec))
  }

  /** Only names that were registered. */
  resolveSync(spec: string | HandlerDefinition): StepHandler | null {
    return this.#mapping.resolve(definitionOf(spec))
  }

  isRegistered(name: string): boolean {
    return this.#mapping.handlers.has(name)
  }

  listHandlers(): readonly string[] {
    return this.#mapping.registeredCallables()
  }

  handlerCount(): number {
    return this.#mapping.handlers.size
  }

  clear(): void {
    this.#mapping.handlers.clear()
  }

  /** The class behind a registered name. */
  classOf(name: string): StepHandlerClass | undefined {
    return this.#mapping.handlers.get(name)
  }

  addResolver(resolver: BaseResolver): void {
    this.#chain.addResolver(resolver)
  }

  getResolver(name: string): BaseResolver | undefined {
    return this.#chain.getResolver(name)
  }

  listResolvers(): readonly string[] {
    return this.#chain.listResolvers()
  }

  getResolverChain(): ResolverChain {
    return this.#chain
  }

  debugInfo(): { readonly handlers: readonly string[]; readonly resolvers: readonly string[] } {
    return { handlers: this.listHandlers(), resolvers: this.listResolvers() }
  }
}
