// What a runtime announces: its handlers, and the handler files that it could not load.

export const runtimeNames = ['rust', 'ruby', 'python', 'typescript'] as const
export type RuntimeName = (typeof runtimeNames)[number]

export interface HandlerDescriptor {
  /** The declared name: what a template writes under `handler.callable`. */
  readonly callable: string
  /** Further names that reach the same handler: class name, constant path, import path. */
  readonly aliases: readonly string[]
  readonly runtime: RuntimeName
  /** Where it was declared, relative to its handler root where possible. */
  readonly file: string
  /** The `--handlers` directory it was found under. */
  readonly root: string
  readonly version: string
  /** Declared traits `api`, `batchable`, `decision`; further words (`process_results` …) are labels. */
  readonly capabilities: readonly string[]
  /** Steps whose results the declaration asks for; a class that asks while it runs declares none. */
  readonly dependsOn: readonly string[]
  /** null: steps are handed over one by one. */
  readonly batch: BatchLimits | null
  /** After a crash that took the handler with it: wait as for any failure, or try again at once. */
  readonly onCrash: 'backoff' | 'retry'
}

/** How many steps a handler takes in one call, and how long the first of them may wait for the others. */
export interface BatchLimits {
  readonly sizeMax: number
  readonly waitMaxMs: number
}

/** A publisher of domain events that an author wrote, found by the `publisher` of an event's declaration. */
export interface PublisherDescriptor {
  readonly name: string
  readonly runtime: RuntimeName
  readonly file: string
  readonly root: string
}

/** A subscriber to domain events: `*` in a pattern stands for any text. */
export interface SubscriberDescriptor extends PublisherDescriptor {
  readonly patterns: readonly string[]
}

/** An author's way of finding handlers, named by `handler.resolver` of a template step. */
export interface ResolverDescriptor {
  readonly name: string
  readonly runtime: RuntimeName
}

/** A handler file that did not load. The others still serve. */
export interface LoadFailure {
  readonly runtime: RuntimeName
  readonly file: string
  /** One sentence: what is wrong and where. */
  readonly message: string
}
