// A runtime inside the test: each call waits until the test says how it ends, and its limits change as a pool's do.
import type { HandlerDescriptor, ResolverDescriptor, RuntimeName } from '../../src/model/handler.ts'
import type { CallId } from '../../src/model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  HandlerCall,
  ReloadOutcome,
  RuntimeAdapter,
} from '../../src/model/runtime-adapter.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import { hostFailure, type StepResult } from '../../src/model/step-result.ts'

type Script = (request: StepRequest, cancelled: Promise<CancelReason>, events: CallEvents) => Promise<StepResult>

export class ScriptedAdapter implements RuntimeAdapter {
  readonly name: RuntimeName
  inFlightMax = 100
  status: AdapterHealth['status'] = 'healthy'
  announced: readonly HandlerDescriptor[] = [handlerDescriptor('work')]
  announcedResolvers: readonly ResolverDescriptor[] = []
  readonly seen: StepRequest[] = []
  readonly calls: HandlerCall[] = []
  readonly #script: Script
  readonly #cancels = new Map<CallId, (reason: CancelReason) => void>()

  constructor(script: Script, name: RuntimeName = 'python') {
    this.#script = script
    this.name = name
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  /** A new array each time, as a pool makes it. */
  handlers(): readonly HandlerDescriptor[] {
    return [...this.announced]
  }
  publishers(): readonly never[] {
    return []
  }
  subscribers(): readonly never[] {
    return []
  }
  resolvers(): readonly ResolverDescriptor[] {
    return this.announcedResolvers
  }
  loadFailures(): readonly never[] {
    return []
  }
  health(): AdapterHealth {
    return { status: this.status, message: this.status === 'healthy' ? null : `the runtime is ${this.status}` }
  }
  async reload(): Promise<ReloadOutcome> {
    return { live: true, problem: null }
  }

  async execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    const cancelled = new Promise<CancelReason>((resolve) => this.#cancels.set(call.id, resolve))
    this.seen.push(...call.requests)
    this.calls.push(call)
    return Promise.all(call.requests.map((request) => this.#script(request, cancelled, events)))
  }

  cancel(callId: CallId, reason: CancelReason): void {
    this.#cancels.get(callId)?.(reason)
  }
}

export function handlerDescriptor(callable: string, more: Partial<HandlerDescriptor> = {}): HandlerDescriptor {
  return {
    callable,
    aliases: [],
    runtime: 'python',
    file: `${callable}.py`,
    root: '/handlers',
    version: '1.0.0',
    capabilities: [],
    dependsOn: [],
    batch: null,
    onCrash: 'backoff',
    ...more,
  }
}

/** A handler that goes on until it is cancelled, and then fails. */
export const untilCancelled: Script = async (request, cancelled) =>
  hostFailure(request.stepId, 'handler_error', `cancelled: ${await cancelled}`)
