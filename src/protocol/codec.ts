// Payloads ↔ plain values: msgpack, as strict when reading as when writing (PROTOCOL.md §3).

import { Packr } from 'msgpackr'
import { messageOf } from '../model/host-error.ts'
import { scanMsgpack } from './msgpack-scan.ts'
import { WireError } from './wire-error.ts'

/** What a message may be made of. */
export type WireValue = null | boolean | number | string | readonly WireValue[] | { readonly [key: string]: WireValue }

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })

/**
 * The payload of one value.
 * @throws WireError `bad_message` for what the wire forbids: floats, unsafe integers, lone surrogates, undefined.
 */
export function encodePayload(value: WireValue): Uint8Array {
  const payload = packr.pack(widen(value))
  const reason = scanMsgpack(payload)
  if (reason !== null) throw new WireError('bad_message', `The message cannot be sent: ${reason}.`)
  return payload
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

/** msgpackr writes a number beyond 32 bits as a float; as a bigint it becomes the integer that it is. */
function widen(value: WireValue): unknown {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000) ? BigInt(value) : value
  }
  if (Array.isArray(value)) return value.map(widen)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, widen(item)]))
}
