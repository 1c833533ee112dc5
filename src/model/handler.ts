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
  /** Declared traits: `api`, `batchable`, `decision`. */
  readonly capabilities: readonly string[]
  /** After a crash that took the handler with it: wait as for any failure, or try again at once. */
  readonly onCrash: 'backoff' | 'retry'
}

/** A handler file that did not load. The others still serve. */
export interface LoadFailure {
  readonly runtime: RuntimeName
  readonly file: string
  /** One sentence: what is wrong and where. */
  readonly message: string
}
