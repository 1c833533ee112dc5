// Payloads ↔ plain values: msgpack, as strict when reading as when writing (PROTOCOL.md §3).

import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE } from 'msgpackr'
import { messageOf } from '../model/host-error.ts'
import { scanMsgpack } from './msgpack-scan.ts'
import { WireError } from './wire-error.ts'
import { packable, type WireValue } from './wire-value.ts'

/** Its bytes from `start` to `end`, good until the next payload is packed. */
export interface PackedPayload extends Buffer {
  readonly start: number
  readonly end: number
}

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })
/** `packPayload` writes into one buffer over and over: fresh memory for each of many small messages costs more than writing them. */
const workBytes = 65_536
const workPackr = new Packr({ useRecords: false, variableMapSize: true })
workPackr.useBuffer(Buffer.allocUnsafeSlow(workBytes))

/**
 * The payload of one value.
 * @throws WireError `bad_message` for what the wire forbids: floats, unsafe integers, lone surrogates, undefined.
 */
export function encodePayload(value: WireValue): Uint8Array {
  return packr.pack(packable(value))
}

/** As `encodePayload`, for a caller that copies the bytes at once. */
export function packPayload(value: WireValue): PackedPayload {
  const packed = workPackr.pack(packable(value), REUSE_BUFFER_MODE | RESET_BUFFER_MODE) as PackedPayload
  // One giant message must not keep its memory for ever.
  if (packed.length > workBytes) workPackr.useBuffer(Buffer.allocUnsafeSlow(workBytes))
  return packed
}

/**
 * The value of one payload.
 * @throws WireError `bad_message` for everything that PROTOCOL.md §3 refuses; nothing is repaired or guessed.
 */
export function decodePayload(payload: Uint8Array): WireValue {
  const reason = scanMsgpack(payload)
  if (reason !== null) throw new WireError('bad_message', `The payload is not a message: ${reason}.`)
  try {
    return packr.unpack(payload) as WireValue
  } catch (error) {
    throw new WireError('bad_message', `The payload is not a message: ${messageOf(error)}.`, { cause: error })
  }
}
