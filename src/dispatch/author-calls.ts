// Calls of authors' code that is no handler: publishers and subscribers wait for their turn in a runtime as steps do.

import type { AuthorCall, AuthorCode } from '../model/domain-event.ts'
import type { PublisherDescriptor, SubscriberDescriptor } from '../model/handler.ts'
import { HostError, messageOf } from '../model/host-error.ts'
import { emptyObject, type JsonLimits } from '../model/json-text.ts'
import type { CallEvents, HandlerCall, RuntimeAdapter } from '../model/runtime-adapter.ts'
import type { StepRequest } from '../model/step-request.ts'
import { hostFailure, type StepResult } from '../model/step-result.ts'
import { CallIds } from './call-ids.ts'
import { checkedResult } from './checked-result.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { RuntimeTurns } from './runtime-turns.ts'

export interface AuthorCallsParts {
  readonly adapters: readonly RuntimeAdapter[]
  readonly turns: RuntimeTurns
  readonly deadlines: DeadlineWheel
  readonly events: DispatchEvents
}

export interface AuthorCallsOptions {
  readonly resultLimits: JsonLimits
  /** Neither publishers nor subscribers do the work of a step, so they get less time than one. */
  readonly callTimeoutMs: number
}

export class AuthorCalls implements AuthorCode {
  readonly #options: AuthorCallsOptions
  readonly #parts: AuthorCallsParts
  readonly #callIds = new CallIds()

  constructor(options: AuthorCallsOptions, parts: AuthorCallsParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Of several languages the first that announced the name. */
  publisher(name: string): PublisherDescriptor | null {
    const all = this.#parts.adapters.flatMap((adapter) => adapter.publishers())
    return all.find((publisher) => publisher.name === name) ?? null
  }

  subscribers(): readonly SubscriberDescriptor[] {
    return this.#parts.adapters.flatMap((adapter) => adapter.subscribers())
  }

  async call(target: PublisherDescriptor, { mode, request, event }: AuthorCall): Promise<StepResult> {
    const adapter = this.#parts.adapters.find(({ name }) => name === target.runtime)
    if (adapter === undefined)
      return hostFailure(request.stepId, 'handler_not_found', `No ${target.runtime} runs here.`)
    try {
      await this.#parts.turns.enter(adapter)
    } catch (error) {
      return hostFailure(request.stepId, 'handler_lost', messageOf(error))
    }
    const deadlineAt = performance.now() + this.#options.callTimeoutMs
    const handler = { callable: target.name, method: null, resolver: null }
    const id = this.#callIds.next()
    try {
      const requests = [{ ...(mode === 'deliver' ? bare(request) : request), handler }]
      return await this.#execute(adapter, { id, requests, deadlineAt, mode, event })
    } finally {
      this.#parts.turns.leave(adapter)
    }
  }

  async #execute(adapter: RuntimeAdapter, call: HandlerCall): Promise<StepResult> {
    const stepId = call.requests[0]?.stepId
    if (stepId === undefined) throw new HostError('PROTOCOL_ERROR', 'A call of authors’ code is about one step.')
    const deadline = this.#parts.deadlines.set(call.deadlineAt, () => adapter.cancel(call.id, 'timeout'))
    try {
      const [result] = await adapter.execute(call, this.#callEvents)
      const given = result ?? hostFailure(stepId, 'handler_lost', 'The runtime gave no answer.')
      return checkedResult(given, this.#options.resultLimits)
    } catch (error) {
      return hostFailure(stepId, 'handler_lost', messageOf(error))
    } finally {
      deadline.clear()
    }
  }

  /** The step is over: its lines stand in the log only, and there is nothing to go on from. */
  get #callEvents(): CallEvents {
    return {
      started: () => {},
      log: (record) => this.#parts.events.handlerLog(record),
      checkpoint: () => Promise.resolve({ stored: false, message: 'Publishers and subscribers have no checkpoints.' }),
    }
  }
}

/** Subscribers are given the event, which has it all. Source: PROTOCOL.md §3.2. */
function bare(request: StepRequest): StepRequest {
  return {
    ...request,
    task: emptyObject,
    workflowStep: emptyObject,
    dependencyResults: emptyObject,
    stepDefinition: emptyObject,
  }
}
