// What a handler's run came to in a test, in the form in which it would be stored.

import { buildContext, type ContextFields } from './context-factory.ts'
import type { Metadata } from './errors.ts'
import { entryOf } from './executor.ts'
import { HandlerMistake } from './handler-mistake.ts'
import { hasProcessBatch, runBatch as runTogether } from './row-batch.ts'
import type { StepContext } from './step-context.ts'
import { noteContext, type StepHandlerClass } from './step-handler.ts'
import { toStepResult } from './step-result.ts'
import { fromThrown, type Outcome, toOutcome } from './wire-result.ts'

export interface RunError {
  readonly message: string
  readonly error_type: string
  readonly error_code: string | null
  readonly retryable: boolean
  readonly retry_after_s: number | null
}

export class HandlerRun {
  readonly success: boolean
  /** Of a success; null of a failure. */
  readonly result: unknown
  readonly metadata: Metadata
  readonly error: RunError | null
  readonly outcome: { readonly kind: 'decision' | 'batches' | 'checkpoint'; readonly document: Metadata } | null
  /** What the handler saved with `context.checkpoint…` while it ran. */
  readonly checkpoints: readonly unknown[]

  constructor(outcome: Outcome, context: StepContext) {
    this.success = outcome.success
    this.metadata = JSON.parse(outcome.metadata) as Metadata
    this.result = outcome.success ? (JSON.parse(outcome.result) as unknown) : null
    this.error = outcome.success ? null : outcome.error
    const lifted = outcome.success ? outcome.outcome : undefined
    this.outcome =
      lifted === undefined ? null : { kind: lifted.kind, document: JSON.parse(lifted.document) as Metadata }
    this.checkpoints = context.recordedCheckpoints
  }

  /** Whether another try may help. */
  get retryable(): boolean {
    return this.error?.retryable ?? false
  }

  /** The branches of a decision; null: it is none. */
  get branches(): readonly string[] | null {
    if (this.outcome?.kind !== 'decision') return null
    return (this.outcome.document['step_names'] ?? []) as string[]
  }

  describe(): string {
    if (this.error === null) return `a success with ${JSON.stringify(this.result)}`
    return `a ${this.retryable ? 'retryable' : 'permanent'} failure (${this.error.error_type}): ${this.error.message}`
  }
}

export interface RunFields extends ContextFields {
  /** `handler.method` of the template; default `call`. */
  readonly method?: string
}

/** Runs a handler as the host would; it may be what `defineHandler` and its kinds return. Never rejects. */
export async function runHandler(handlerClass: StepHandlerClass, fields: RunFields = {}): Promise<HandlerRun> {
  const { method = 'call', ...about } = fields
  const name = handlerClass.handlerName || handlerClass.name
  const context = buildContext(about, name)
  const where = `handler ${name}`
  try {
    const handler = new handlerClass()
    const run = entryOf(handler, method)
    if (run === null) throw new HandlerMistake(`it has no method "${method}".`)
    noteContext(handler, context)
    return new HandlerRun(toOutcome(toStepResult(await run(context)), where), context)
  } catch (error) {
    return new HandlerRun(fromThrown(error, where), context)
  }
}

/** Runs a `processBatch` with one context for each of the task contexts. Rejects with what it throws. */
export async function runBatch(
  handlerClass: StepHandlerClass,
  contexts: readonly Metadata[],
  fields: ContextFields = {},
): Promise<readonly HandlerRun[]> {
  const handler = new handlerClass()
  if (!hasProcessBatch(handler)) throw new HandlerMistake(`${handlerClass.name} has no \`processBatch(contexts)\``)
  const built = contexts.map((context) => buildContext({ ...fields, context }, handlerClass.handlerName))
  const results = await runTogether(handler, built)
  const where = `handler ${handlerClass.handlerName}`
  return built.map((context, index) => new HandlerRun(toOutcome(toStepResult(results[index]), where), context))
}
