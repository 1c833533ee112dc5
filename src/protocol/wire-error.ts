// Violations of the wire: a HostError that also carries the code of PROTOCOL.md §4.

import { HostError, type HostErrorCode } from '../model/host-error.ts'

/** The codes of PROTOCOL.md §4 and the HostError code under which the rest of the host knows each. */
const hostCodes = {
  protocol_version: 'PROTOCOL_VERSION',
  frame_too_large: 'FRAME_TOO_LARGE',
  frame_empty: 'PROTOCOL_ERROR',
  bad_message: 'PROTOCOL_ERROR',
  unknown_type: 'PROTOCOL_ERROR',
  unexpected_message: 'PROTOCOL_ERROR',
} as const satisfies Record<string, HostErrorCode>

export type WireErrorCode = keyof typeof hostCodes

export class WireError extends HostError {
  /** What the `error` message to the guest names. */
  readonly wireCode: WireErrorCode

  constructor(wireCode: WireErrorCode, message: string, options?: { cause?: unknown }) {
    super(hostCodes[wireCode], message, options)
    this.name = 'WireError'
    this.wireCode = wireCode
  }
}
