// The wire of a process: u32 big-endian lengths, then msgpack maps (PROTOCOL.md §2, §3).

import { Packr } from 'msgpackr'
import type { GuestMessage, HostMessage } from './messages.ts'

const headerBytes = 4
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })

/** What ends a session; `code` is one of PROTOCOL.md §5. */
export class ProtocolViolation extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export function encodeMessage(message: GuestMessage, frameBytesMax: number): Buffer {
  const payload = packr.pack(message)
  if (payload.length > frameBytesMax) {
    throw new ProtocolViolation('frame_too_large', `A message of ${payload.length} bytes is beyond ${frameBytesMax}.`)
  }
  const frame = Buffer.allocUnsafe(headerBytes + payload.length)
  frame.writeUInt32BE(payload.length)
  payload.copy(frame, headerBytes)
  return frame
}

/** Cuts a byte stream into messages; what is not whole yet waits for the next bytes. */
export class MessageReader {
  readonly #frameBytesMax: number
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Bytes that the frame under way needs, its header included. */
  #needed = headerBytes

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /** Throws a ProtocolViolation; nothing is read after it. */
  *feed(bytes: Buffer): Generator<HostMessage, void> {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    while (this.#waitingBytes >= this.#needed) {
      const whole = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting)
      this.#waiting = [whole]
      if (this.#needed === headerBytes) {
        this.#needed += this.#lengthOf(whole)
        continue
      }
      const payload = whole.subarray(headerBytes, this.#needed)
      this.#waiting = [whole.subarray(this.#needed)]
      this.#waitingBytes -= this.#needed
      this.#needed = headerBytes
      yield decode(payload)
    }
  }

  #lengthOf(whole: Buffer): number {
    const length = whole.readUInt32BE()
    if (length === 0) throw new ProtocolViolation('frame_empty', 'A frame is empty.')
    if (length <= this.#frameBytesMax) return length
    throw new ProtocolViolation('frame_too_large', `A frame of ${length} bytes is beyond ${this.#frameBytesMax}.`)
  }
}

/** The host is trusted with the fields of its messages; what is no message at all ends the session. */
function decode(payload: Buffer): HostMessage {
  try {
    const message: unknown = packr.unpack(payload)
    if (typeof message === 'object' && message !== null && 'type' in message) return message as HostMessage
  } catch {
    // Said below: what the decoder says of the bytes helps nobody.
  }
  throw new ProtocolViolation('bad_message', 'A payload is no message.')
}
