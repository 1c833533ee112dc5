// A runtime inside the test: each call waits until the test says how it ends.
import type { HandlerDescriptor } from '../../src/model/handler.ts'
import type { CallId } from '../../src/model/ids.ts'
import type { CancelReason, HandlerCall, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import { hostFailure, type StepResult } from '../../src/model/step-result.ts'

type Script = (request: StepRequest, cancelled: Promise<CancelReason>) => Promise<StepResult>

export class ScriptedAdapter implements RuntimeAdapter {
  readonly name = 'python'
  readonly inFlightMax = 100
  readonly seen: StepRequest[] = []
  readonly #script: Script
  readonly #handlers: readonly HandlerDescriptor[]
  readonly #cancels = new Map<CallId, (reason: CancelReason) => void>()

  constructor(script: Script, callables: readonly string[] = ['work']) {
    this.#script = script
    this.#handlers = callables.map((callable) => ({
      callable,
      aliases: [],
      runtime: 'python',
      file: 'work.py',
      root: '/handlers',
      version: '1.0.0',
    }))
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  handlers(): readonly HandlerDescriptor[] {
    return this.#handlers
  }
  loadFailures(): readonly never[] {
    return []
  }
  health(): { status: 'healthy'; message: null } {
    return { status: 'healthy', message: null }
  }

  async execute(call: HandlerCall): Promise<readonly StepResult[]> {
    const cancelled = new Promise<CancelReason>((resolve) => this.#cancels.set(call.id, resolve))
    this.seen.push(...call.requests)
    return Promise.all(call.requests.map((request) => this.#script(request, cancelled)))
  }

  cancel(callId: CallId, reason: CancelReason): void {
    this.#cancels.get(callId)?.(reason)
  }
}

/** A handler that goes on until it is cancelled, and then fails. */
export const untilCancelled: Script = async (request, cancelled) =>
  hostFailure(request.stepId, 'handler_error', `cancelled: ${await cancelled}`)
