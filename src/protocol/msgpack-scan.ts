// The strict walk over the bytes of one msgpack value; it refuses what decoders of different languages read differently.

import { isUtf8 } from 'node:buffer'

/** Envelopes are flat: documents are text. PROTOCOL.md §3. */
const depthMax = 32

/** The map or array being walked; of a map every other item is a key. */
interface Container {
  itemsLeft: number
  readonly isMap: boolean
}

/** What one item's first byte announces: bytes of its own, or items that follow. */
type Item =
  | { kind: 'scalar'; bytes: number }
  | { kind: 'integer'; bytes: number }
  | { kind: 'string'; lengthBytes: number; length: number }
  | { kind: 'container'; lengthBytes: number; length: number; isMap: boolean }
  | { kind: 'refused'; reason: string }

/**
 * null when the bytes are exactly one value of the kinds that PROTOCOL.md §3 allows: nil, booleans, integers within ±(2^53−1),
 * valid UTF-8 strings, arrays, maps with string keys. Otherwise the reason as a short phrase. No recursion, one pass.
 */
export function scanMsgpack(bytes: Uint8Array): string | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const open: Container[] = []
  let offset = 0
  do {
    if (offset >= bytes.length) return 'the value is cut short'
    const inside = open.at(-1)
    const keyExpected = inside?.isMap === true && inside.itemsLeft % 2 === 0
    if (inside !== undefined) inside.itemsLeft -= 1

    const item = itemAt(view.getUint8(offset))
    offset += 1
    if (item.kind === 'refused') return item.reason
    if (keyExpected && item.kind !== 'string') return 'a map key is not a string'

    if (item.kind === 'scalar' || item.kind === 'integer') {
      if (offset + item.bytes > bytes.length) return 'the value is cut short'
      if (item.kind === 'integer' && !isSafeInteger64(view, offset)) return 'an integer beyond ±(2^53−1)'
      offset += item.bytes
    } else {
      if (offset + item.lengthBytes > bytes.length) return 'the value is cut short'
      const length = item.lengthBytes === 0 ? item.length : lengthAt(view, offset, item.lengthBytes)
      offset += item.lengthBytes
      if (item.kind === 'string') {
        if (offset + length > bytes.length) return 'the value is cut short'
        if (!isUtf8(bytes.subarray(offset, offset + length))) return 'a string is not valid UTF-8'
        offset += length
      } else {
        if (open.length === depthMax) return `nested deeper than ${depthMax} levels`
        open.push({ itemsLeft: item.isMap ? length * 2 : length, isMap: item.isMap })
      }
    }
    while (open.at(-1)?.itemsLeft === 0) open.pop()
  } while (open.length > 0)
  return offset === bytes.length ? null : 'bytes follow the value'
}

/** Source of the ranges: the msgpack specification, "Formats". */
function itemAt(first: number): Item {
  if (first <= 0x7f || first >= 0xe0) return { kind: 'scalar', bytes: 0 }
  if (first <= 0x8f) return { kind: 'container', lengthBytes: 0, length: first & 0x0f, isMap: true }
  if (first <= 0x9f) return { kind: 'container', lengthBytes: 0, length: first & 0x0f, isMap: false }
  if (first <= 0xbf) return { kind: 'string', lengthBytes: 0, length: first & 0x1f }
  return longItems[first - 0xc0] ?? { kind: 'refused', reason: 'an unknown msgpack format' }
}

const binary: Item = { kind: 'refused', reason: 'binary data' }
const extension: Item = { kind: 'refused', reason: 'an extension type' }
const float: Item = { kind: 'refused', reason: 'a float' }

/** The formats 0xc0 … 0xdf in their order. */
const longItems: readonly Item[] = [
  { kind: 'scalar', bytes: 0 },
  { kind: 'refused', reason: 'the unused format 0xc1' },
  { kind: 'scalar', bytes: 0 },
  { kind: 'scalar', bytes: 0 },
  ...[binary, binary, binary, extension, extension, extension, float, float],
  ...[1, 2, 4].map((bytes): Item => ({ kind: 'scalar', bytes })),
  { kind: 'integer', bytes: 8 },
  ...[1, 2, 4].map((bytes): Item => ({ kind: 'scalar', bytes })),
  { kind: 'integer', bytes: 8 },
  ...[extension, extension, extension, extension, extension],
  ...[1, 2, 4].map((lengthBytes): Item => ({ kind: 'string', lengthBytes, length: 0 })),
  ...[2, 4].map((lengthBytes): Item => ({ kind: 'container', lengthBytes, length: 0, isMap: false })),
  ...[2, 4].map((lengthBytes): Item => ({ kind: 'container', lengthBytes, length: 0, isMap: true })),
]

function lengthAt(view: DataView, offset: number, lengthBytes: number): number {
  if (lengthBytes === 1) return view.getUint8(offset)
  return lengthBytes === 2 ? view.getUint16(offset) : view.getUint32(offset)
}

function isSafeInteger64(view: DataView, offset: number): boolean {
  const signed = view.getUint8(offset - 1) === 0xd3
  return Number.isSafeInteger(Number(signed ? view.getBigInt64(offset) : view.getBigUint64(offset)))
}
