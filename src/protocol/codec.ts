// Payloads ↔ plain values: msgpack, as strict when reading as when writing (PROTOCOL.md §3).

import { Packr } from 'msgpackr'
import { messageOf } from '../model/host-error.ts'
import { scanMsgpack } from './msgpack-scan.ts'
import { WireError } from './wire-error.ts'
import { packable, type WireValue } from './wire-value.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })

/**
 * The payload of one value.
 * @throws WireError `bad_message` for what the wire forbids: floats, unsafe integers, lone surrogates, undefined.
 */
export function encodePayload(value: WireValue): Uint8Array {
  return packr.pack(packable(value))
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
