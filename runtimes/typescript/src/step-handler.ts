// The base class of handlers.

import { ErrorType, type Metadata } from './errors.ts'
import type { StepContext } from './step-context.ts'
import { StepHandlerResult } from './step-result.ts'

/** The host gathers so many steps, the first of which waits at most so long. Tasker's spelling of names works too. */
export type BatchDeclaration =
  | { readonly maxSize: number; readonly maxWaitMs: number }
  | { readonly max_size: number; readonly max_wait_ms: number }

/** A handler class as the loader finds it: every call gets a fresh instance. */
export interface StepHandlerClass {
  new (): StepHandler
  readonly prototype: StepHandler
  readonly handlerName: string
  readonly handlerVersion: string
  readonly synchronous: boolean | null
  readonly onCrash: 'backoff' | 'retry'
  readonly batch: BatchDeclaration | null
}

/** The class lends the functions below its private field. */
let notes: {
  write(handler: StepHandler, context: StepContext): void
  read(handler: object): StepContext | null
}

/** Of handlers whose constructor returns something else, such as a Proxy. */
const strangers = new WeakMap<object, StepContext>()

/**
 * Extend it, name it with `static handlerName` (what a template writes under `handler.callable`) and implement `call`.
 * Source: handler-api §1.3.
 */
export abstract class StepHandler {
  /** In the handler itself: what a WeakMap holds outlives each collection of the young generation, and here that would be all documents of each step. */
  #context: StepContext | null = null

  static {
    notes = {
      write: (handler, context) => {
        if (#context in handler) handler.#context = context
        else strangers.set(handler, context)
      },
      read: (handler) => (#context in handler ? handler.#context : (strangers.get(handler) ?? null)),
    }
  }

  static handlerName = ''
  static handlerVersion = '1.0.0'
  /**
   * True: while it runs, its thread gets no other call. Null: so it is unless `call` is an `async` function.
   * Say false for a plain function that returns a promise and leaves the thread free.
   */
  static synchronous: boolean | null = null
  /** After a crash that took the handler along: wait as after any failure, or `retry` at once. */
  static onCrash: 'backoff' | 'retry' = 'backoff'
  /**
   * In a class with `processBatch(contexts)`: how many steps it takes in one call, and how long the first may wait for the others.
   * When it throws, its steps run one by one.
   */
  static batch: BatchDeclaration | null = null

  /** Does the step's work. Throw or return `failure(…)` when it cannot; check `context.cancelled` in long loops. */
  abstract call(context: StepContext): Promise<StepHandlerResult> | StepHandlerResult

  /** What the class can do beside `process`; `api`, `batchable` and `decision` say more about it. */
  get capabilities(): string[] {
    const results = 'processResults' in this ? ['process_results'] : []
    return ['process', ...results, ...('processBatch' in this ? ['process_batch'] : [])]
  }

  /** A JSON Schema of the configuration; yours to override. */
  configSchema(): Metadata | null {
    return null
  }

  get name(): string {
    return (this.constructor as unknown as StepHandlerClass).handlerName || this.constructor.name
  }

  get version(): string {
    return (this.constructor as unknown as StepHandlerClass).handlerVersion
  }

  protected success(result: unknown = {}, metadata: Metadata = {}): StepHandlerResult {
    return StepHandlerResult.success(result, metadata)
  }

  /**
   * Ends this run, not the step: it runs on from `cursor` (`context.checkpointCursor`), in the same attempt. `itemsProcessed` counts from 0,
   * so far.
   */
  protected checkpointYield(cursor: unknown, itemsProcessed: number, accumulatedResults?: unknown): StepHandlerResult {
    return StepHandlerResult.checkpointYield(cursor, itemsProcessed, accumulatedResults)
  }

  /** `errorType` is one of `ErrorType` or a word of your own; `retryable: false` ends the step at once. */
  protected failure(
    message: string,
    errorType: string = ErrorType.HANDLER_ERROR,
    retryable = true,
    metadata: Metadata = {},
    errorCode: string | null = null,
  ): StepHandlerResult {
    return StepHandlerResult.failure(message, errorType, retryable, metadata, errorCode)
  }
}

/** The runtime's: says which step a handler runs. */
export function noteContext(handler: StepHandler, context: StepContext): void {
  notes.write(handler, context)
}

/** null: the handler runs without a host. */
export function contextOf(handler: object): StepContext | null {
  return notes.read(handler)
}

/** Whether a function holds its thread until it returns, as far as its form tells. */
export function isSynchronous(fn: unknown): boolean {
  return !(typeof fn === 'function' && fn.constructor.name === 'AsyncFunction')
}
