// Resolvers in the order of their priority; the first that gives a handler wins. Source: handler-api §2.

import { type Metadata, PermanentError } from './errors.ts'
import type { HandlerDefinition } from './handler-definition.ts'
import { type BaseResolver, ExplicitMappingResolver } from './resolvers.ts'
import type { StepHandler } from './step-handler.ts'

export class ResolverChain {
  #resolvers: readonly BaseResolver[] = []

  static default(): ResolverChain {
    return new ResolverChain().addResolver(new ExplicitMappingResolver())
  }

  addResolver(resolver: BaseResolver): this {
    this.#resolvers = [...this.#resolvers, resolver].sort((a, b) => a.priority - b.priority)
    return this
  }

  /** False: there is none of that name. */
  removeResolver(name: string): boolean {
    const left = this.#resolvers.filter((resolver) => resolver.name !== name)
    const found = left.length < this.#resolvers.length
    this.#resolvers = left
    return found
  }

  getResolver(name: string): BaseResolver | undefined {
    return this.#resolvers.find((resolver) => resolver.name === name)
  }

  listResolvers(): readonly string[] {
    return this.#resolvers.map(({ name }) => name)
  }

  /** Those of authors. */
  custom(): readonly BaseResolver[] {
    return this.#resolvers.filter((resolver) => !(resolver instanceof ExplicitMappingResolver))
  }

  /** A definition with a resolver asks only that one; rejects with a PermanentError when it is unknown. */
  async resolve(definition: HandlerDefinition, config: Metadata = {}): Promise<StepHandler | null> {
    for (const resolver of this.#asked(definition)) {
      const found = resolver.canResolve(definition, config) ? await resolver.resolve(definition, config) : null
      if (found !== null) return found
    }
    return null
  }

  #asked({ resolver }: HandlerDefinition): readonly BaseResolver[] {
    if (resolver === undefined || resolver === null) return this.#resolvers
    const named = this.getResolver(resolver)
    if (named !== undefined) return [named]
    throw new PermanentError(`The resolver "${resolver}" is unknown; known are ${this.listResolvers().join(', ')}.`)
  }
}
