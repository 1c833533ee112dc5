// What a library's answer to one call means: its results, or the failure that stands for an answer that breaks the ABI.

import { messageOf } from '../../model/host-error.ts'
import type { HandlerCall } from '../../model/runtime-adapter.ts'
import { type HostErrorType, hostFailure, type StepResult } from '../../model/step-result.ts'
import { decodePayload } from '../../protocol/codec.ts'
import { decodeGuestMessage } from '../../protocol/messages.ts'
import { stepResult } from '../../protocol/step-envelope.ts'
import { abiCodes } from './addon.ts'

/** One failure for every step of a call. */
export function failCall(
  call: HandlerCall,
  errorType: HostErrorType,
  message: string,
  ranMs = 0,
): readonly StepResult[] {
  return call.requests.map((request) => hostFailure(request.stepId, errorType, message, ranMs))
}

/** The results of a call; never throws, because a library that answers nonsense has still spent the attempt. */
export function readAnswer(call: HandlerCall, code: number, message: Uint8Array): readonly StepResult[] {
  if (code !== abiCodes.ok) {
    const errorType = code === abiCodes.outputTooLarge ? 'invalid_result' : 'handler_error'
    return failCall(call, errorType, codeMessage(code))
  }
  try {
    return readResults(call, message)
  } catch (error) {
    return failCall(call, 'handler_error', `The library's answer is not a result of this call: ${messageOf(error)}`)
  }
}

function readResults(call: HandlerCall, payload: Uint8Array): readonly StepResult[] {
  const message = decodeGuestMessage(decodePayload(payload))
  if (message.type !== 'result' || message.call_id !== call.id) throw new Error('it answers something else')
  const fits = (stepUuid: string, index: number): boolean => stepUuid === call.requests[index]?.stepId
  if (message.results.length !== call.requests.length) throw new Error('the number of results is wrong')
  if (!message.results.every((entry, index) => fits(entry.step_uuid, index))) throw new Error('it names other steps')
  return message.results.map(stepResult)
}

function codeMessage(code: number): string {
  switch (code) {
    case abiCodes.outputTooLarge:
      return "The handler's result is larger than a message may be."
    case abiCodes.badMessage:
      return 'The library did not understand the call; rebuild it with the SDK of this stephost.'
    case abiCodes.threw:
      return 'The library let an exception cross its C interface.'
    case abiCodes.nullOutput:
      return 'The library reported success without an answer.'
    default:
      return `The library could not run the call (code ${code}).`
  }
}
