// A guest of which a test plays every word, and what it says most: for tests of the channel without a transport.

import type { HostError } from '../../src/model/host-error.ts'
import type { CallId, StepId } from '../../src/model/ids.ts'
import type { HandlerCall } from '../../src/model/runtime-adapter.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { HostMessage } from '../../src/protocol/messages.ts'
import { handlerCall } from '../fixtures/handler-call.ts'

export const hello = {
  type: 'hello',
  protocol: 2,
  runtime: 'ruby',
  sdk_version: '0.1.0',
  language_version: '3.1.7',
  pid: 1,
  watch: false,
  max_in_flight: 2,
  handlers: [],
  load_failures: [],
}

/** A channel whose transport is two arrays: the test plays the guest. */
export class Guest {
  readonly sent: HostMessage[] = []
  readonly closes: HostError[] = []
  readonly heard: unknown[] = []
  refuse: HostError | null = null
  readonly channel = new Channel({
    runtime: 'ruby',
    send: (message) => {
      if (this.refuse !== null) throw this.refuse
      this.sent.push(message)
    },
    close: (reason) => this.closes.push(reason),
    log: (message) => this.heard.push(message.message),
    heartbeat: (message) => this.heard.push(message.in_flight),
    now: () => 0,
  })
  /** What a call tells, in order, as words; a checkpoint is refused as `no`. */
  readonly observer = {
    accepted: () => this.heard.push('accepted'),
    started: () => this.heard.push('started'),
    checkpoint: (step: StepId, data: string) => {
      this.heard.push(`${step} ${data}`)
      return Promise.resolve({ stored: false, message: 'no' })
    },
  }

  execute(call: HandlerCall) {
    return this.channel.execute(call, this.observer)
  }
}

export function callOf(callId: string, steps: string[]): HandlerCall {
  const [request] = handlerCall({ callable: 'c' }).requests
  if (request === undefined) throw new Error('The fixture has one request.')
  const requests = steps.map((step) => ({ ...request, stepId: step as StepId }))
  return {
    id: callId as CallId,
    requests,
    deadlineAt: 1000,
    mode: steps.length === 1 ? 'single' : 'batch',
    event: null,
  }
}

export function success(callId: string, step: string): object {
  const entry = { step_uuid: step, success: true, execution_time_ms: 1, metadata: '{}', result: 'null' }
  return { type: 'result', call_id: callId, results: [entry] }
}
