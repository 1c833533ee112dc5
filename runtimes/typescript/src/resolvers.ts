// The ways in which a callable becomes a handler, and the base classes for authors' own. Source: handler-api §1.3, §2.

import type { Metadata } from './errors.ts'
import type { HandlerDefinition } from './handler-definition.ts'
import type { StepHandler, StepHandlerClass } from './step-handler.ts'

type Found = StepHandler | null

/** Extend it and add an instance: `HandlerRegistry.instance.addResolver(new Mine())`. The host learns of `registeredCallables`. */
export abstract class BaseResolver {
  /** What a template writes under `handler.resolver`. */
  abstract get name(): string

  /** Lower ones are asked first; explicit mapping has 10, class lookup 100. */
  get priority(): number {
    return 50
  }

  canResolve(definition: HandlerDefinition, _config?: Metadata): boolean {
    return this.registeredCallables().includes(definition.callable)
  }

  /** A new handler; null: none of mine. */
  abstract resolve(definition: HandlerDefinition, config?: Metadata): Found | Promise<Found>

  registeredCallables(): readonly string[] {
    return []
  }
}

/** Says in static members what it resolves. */
export abstract class RegistryResolver extends BaseResolver {
  static _name = ''
  static _priority = 50
  static pattern: RegExp | null = null
  static prefix: string | null = null

  get name(): string {
    return this.#declared._name || this.constructor.name
  }

  override get priority(): number {
    return this.#declared._priority
  }

  override canResolve(definition: HandlerDefinition, config?: Metadata): boolean {
    return this.#match(definition) !== null || super.canResolve(definition, config)
  }

  resolve(definition: HandlerDefinition, config: Metadata = {}): Found | Promise<Found> {
    return this.resolveHandler(definition, this.#match(definition), config)
  }

  /** `match` is that of the pattern; of a prefix it holds the rest of the name. */
  abstract resolveHandler(
    definition: HandlerDefinition,
    match: RegExpMatchArray | null,
    config: Metadata,
  ): Found | Promise<Found>

  get #declared(): typeof RegistryResolver {
    return this.constructor as typeof RegistryResolver
  }

  #match({ callable }: HandlerDefinition): RegExpMatchArray | null {
    const { pattern, prefix } = this.#declared
    const matched = pattern === null ? null : callable.match(pattern)
    if (matched !== null || prefix === null || !callable.startsWith(prefix)) return matched
    return [callable, callable.slice(prefix.length)]
  }
}

/** Names that were registered. */
export class ExplicitMappingResolver extends BaseResolver {
  readonly handlers = new Map<string, StepHandlerClass>()

  get name(): string {
    return 'explicit_mapping'
  }

  override get priority(): number {
    return 10
  }

  resolve({ callable }: HandlerDefinition): Found {
    const found = this.handlers.get(callable)
    return found === undefined ? null : new found()
  }

  override registeredCallables(): readonly string[] {
    return [...this.handlers.keys()]
  }
}
