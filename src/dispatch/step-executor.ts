// Runs one claimed step to its result. The file to read first: no SQL, no process, and the one place where a permit comes back.

import { randomUUID } from 'node:crypto'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { CallId } from '../model/ids.ts'
import type { JsonLimits } from '../model/json-text.ts'
import type { CancelReason, HandlerCall, RuntimeAdapter } from '../model/runtime-adapter.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import { hostFailure, type StepResult } from '../model/step-result.ts'
import { checkedResult } from './checked-result.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { HandlerDirectory } from './handler-directory.ts'
import type { RunnableSteps } from './runnable-steps.ts'
import { RuntimeTurns } from './runtime-turns.ts'
import type { Permit } from './semaphore.ts'

export interface StepExecutorOptions {
  /** The limit of a handler whose template step has no `timeout_seconds`. */
  readonly handlerTimeoutMs: number
  readonly resultLimits: JsonLimits
}

export interface StepExecutorParts {
  readonly directory: HandlerDirectory
  readonly runnable: RunnableSteps
  readonly deadlines: DeadlineWheel
  readonly events: DispatchEvents
  /** Takes the result of a step that ran. */
  finished(step: ClaimedStep, result: StepResult, runtime: string | null): void
  /** Takes a step that never started: it keeps its attempt. */
  notStarted(step: ClaimedStep, reason: string): void
}

interface RunningCall {
  readonly adapter: RuntimeAdapter
  cancelled: CancelReason | null
}

export class StepExecutor {
  readonly #options: StepExecutorOptions
  readonly #parts: StepExecutorParts
  readonly #running = new Map<CallId, RunningCall>()
  readonly #turns = new RuntimeTurns()
  #unsettled = 0

  constructor(options: StepExecutorOptions, parts: StepExecutorParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Steps in handlers, and those that wait for their runtime to have room. */
  get running(): number {
    return this.#unsettled
  }

  /** Never rejects. `request` is null when the template lost the step. */
  async run(step: ClaimedStep, request: StepRequest | null, permit: Permit): Promise<void> {
    try {
      await this.#run(step, request)
    } finally {
      permit.release()
    }
  }

  /** Cancels what runs and refuses what waits for its runtime. */
  cancelAll(reason: CancelReason): void {
    this.#turns.refuseWaiting(`cancelled before it started: ${reason}`)
    for (const callId of this.#running.keys()) this.#cancel(callId, reason)
  }

  async #run(step: ClaimedStep, request: StepRequest | null): Promise<void> {
    if (request === null) {
      const message = `The registered template has no step "${step.templateStep}" with a handler.callable; register the template again.`
      this.#parts.finished(step, hostFailure(step.stepId, 'handler_not_found', message), null)
      return
    }
    const resolved = this.#parts.directory.resolve({
      callable: request.handler.callable,
      namespace: step.namespace,
      templateStep: step.templateStep,
      root: this.#parts.runnable.rootOf(step.namedTaskId),
    })
    if (resolved === null) {
      const message = `No handler "${request.handler.callable}" is loaded here; \`stephost handlers\` lists what is, and why files failed to load.`
      this.#parts.finished(step, hostFailure(step.stepId, 'handler_not_found', message), null)
      return
    }
    await this.#takeTurn(step, request, resolved.adapter)
  }

  async #takeTurn(step: ClaimedStep, request: StepRequest, adapter: RuntimeAdapter): Promise<void> {
    this.#unsettled += 1
    try {
      await this.#turns.enter(adapter)
    } catch (error) {
      this.#unsettled -= 1
      this.#parts.notStarted(step, messageOf(error))
      return
    }
    try {
      await this.#call(step, request, adapter)
    } finally {
      this.#unsettled -= 1
      this.#turns.leave(adapter)
    }
  }

  async #call(step: ClaimedStep, request: StepRequest, adapter: RuntimeAdapter): Promise<void> {
    const id = randomUUID() as string as CallId
    const call: RunningCall = { adapter, cancelled: null }
    const timeoutMs = request.timeoutMs ?? this.#options.handlerTimeoutMs
    const startedAt = performance.now()
    const deadlineAt = startedAt + timeoutMs
    this.#running.set(id, call)
    const deadline = this.#parts.deadlines.set(deadlineAt, () => this.#cancel(id, 'timeout'))
    try {
      const results = await this.#execute(adapter, { id, requests: [request], deadlineAt, mode: 'single' })
      if (results instanceof HostError) {
        this.#parts.notStarted(step, results.message)
        return
      }
      const [result] = results
      const settled = result ?? hostFailure(step.stepId, 'handler_lost', 'The runtime gave no result for this step.')
      const checked = checkedResult(settled, this.#options.resultLimits)
      this.#parts.finished(
        step,
        explained(checked, call.cancelled, timeoutMs, performance.now() - startedAt),
        adapter.name,
      )
    } finally {
      deadline.clear()
      this.#running.delete(id)
    }
  }

  /** A HostError means that the handler did not run; anything else is a broken adapter, and nobody knows. */
  async #execute(adapter: RuntimeAdapter, call: HandlerCall): Promise<readonly StepResult[] | HostError> {
    try {
      return await adapter.execute(call, { log: (record) => this.#parts.events.handlerLog(record) })
    } catch (error) {
      if (isHostError(error)) return error
      this.#parts.events.warning(`adapter ${adapter.name} broke its contract`, { error: messageOf(error) })
      return call.requests.map(({ stepId }) => hostFailure(stepId, 'handler_lost', messageOf(error)))
    }
  }

  #cancel(callId: CallId, reason: CancelReason): void {
    const call = this.#running.get(callId)
    if (call === undefined || call.cancelled !== null) return
    call.cancelled = reason
    call.adapter.cancel(callId, reason)
  }
}

/** A handler that fails after it was told to stop failed because of that; one that still succeeded did its work. */
function explained(result: StepResult, cancelled: CancelReason | null, timeoutMs: number, ranMs: number): StepResult {
  if (result.success || cancelled === null) return result
  const executionTimeMs = Math.max(result.executionTimeMs, Math.round(ranMs))
  if (cancelled === 'timeout') {
    const message = `Handler timed out after ${timeoutMs}ms (${result.message})`
    return { ...result, message, errorType: 'handler_timeout', retryable: true, executionTimeMs }
  }
  const message = `The handler was stopped: ${cancelled === 'shutdown' ? 'the worker shut down' : 'the worker lost its lease'} (${result.message})`
  return { ...result, message, errorType: 'handler_lost', retryable: true, executionTimeMs }
}
