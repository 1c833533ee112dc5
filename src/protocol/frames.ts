// Bytes ↔ frames: a u32 big-endian length, then that many bytes (PROTOCOL.md §2).

import { WireError } from './wire-error.ts'

/** Before each payload stands its length. */
export const headerBytes = 4

/** PROTOCOL.md §2: what both sides use unless they are configured otherwise. */
export const frameBytesMaxDefault = 16_777_216

/**
 * One frame around a payload.
 * @throws WireError `frame_empty`, or `frame_too_large` when the payload has more than `frameBytesMax` bytes.
 */
export function encodeFrame(payload: Uint8Array, frameBytesMax: number): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length)
  writeFrame(payload, { into: frame, at: 0, frameBytesMax })
  return frame
}

/**
 * Writes one frame around a payload into memory that has room for both; nothing is written when it throws.
 * @throws WireError as `encodeFrame`.
 */
export function writeFrame(
  payload: Uint8Array,
  { into, at, frameBytesMax }: { readonly into: Uint8Array; readonly at: number; readonly frameBytesMax: number },
): void {
  const violation = lengthViolation(payload.length, frameBytesMax)
  if (violation !== null) throw violation
  into[at] = payload.length >>> 24
  into[at + 1] = payload.length >>> 16
  into[at + 2] = payload.length >>> 8
  into[at + 3] = payload.length
  into.set(payload, at + headerBytes)
}

/**
 * Cuts a byte stream into payloads. Every byte is copied at most once, so any chunking costs linear time.
 * After a violation it yields nothing more: what came before the offence is still delivered, however the bytes were cut.
 */
export class FrameDecoder {
  readonly #frameBytesMax: number
  #headerFilled = 0
  /** What the bytes of the header say so far. */
  #length = 0
  /** The payload being collected; null while the header is incomplete. */
  #payload: Uint8Array | null = null
  #payloadFilled = 0
  #violation: WireError | null = null

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /** The violation that ended this stream: `frame_too_large` or `frame_empty`. The owner reports it and closes. */
  get violation(): WireError | null {
    return this.#violation
  }

  /** True when the stream stands inside a frame: an end of file here means that something was lost. */
  get incomplete(): boolean {
    return this.#headerFilled > 0
  }

  /** The payloads that this chunk completes. They may share memory with the chunk. */
  push(chunk: Uint8Array): Uint8Array[] {
    const payloads: Uint8Array[] = []
    let offset = 0
    while (offset < chunk.length && this.#violation === null) {
      if (this.#payload === null) {
        offset = this.#readHeader(chunk, offset, payloads)
      } else {
        offset = this.#readPayload(this.#payload, chunk, offset, payloads)
      }
    }
    return payloads
  }

  #readHeader(chunk: Uint8Array, start: number, payloads: Uint8Array[]): number {
    let end = start
    while (end < chunk.length && this.#headerFilled < headerBytes) {
      this.#length = this.#length * 256 + (chunk[end] ?? 0)
      this.#headerFilled += 1
      end += 1
    }
    if (this.#headerFilled < headerBytes) return end

    const length = this.#length
    this.#length = 0
    this.#violation = lengthViolation(length, this.#frameBytesMax)
    if (this.#violation !== null) return end
    if (chunk.length - end >= length) {
      // The usual case: the whole frame lies in this chunk and nothing is copied.
      payloads.push(chunk.subarray(end, end + length))
      this.#headerFilled = 0
      return end + length
    }
    this.#payload = new Uint8Array(length)
    this.#payloadFilled = 0
    return end
  }

  #readPayload(payload: Uint8Array, chunk: Uint8Array, start: number, payloads: Uint8Array[]): number {
    const end = Math.min(chunk.length, start + payload.length - this.#payloadFilled)
    payload.set(chunk.subarray(start, end), this.#payloadFilled)
    this.#payloadFilled += end - start
    if (this.#payloadFilled === payload.length) {
      payloads.push(payload)
      this.#payload = null
      this.#headerFilled = 0
    }
    return end
  }
}

function lengthViolation(length: number, frameBytesMax: number): WireError | null {
  if (length === 0) return new WireError('frame_empty', 'A frame of 0 bytes.')
  if (length <= frameBytesMax) return null
  return new WireError('frame_too_large', `A frame of ${length} bytes; at most ${frameBytesMax} are allowed.`)
}
