// The strict walk over the bytes of one msgpack value; it refuses what decoders of different languages read differently.

import { isUtf8 } from 'node:buffer'

/** Envelopes are flat: documents are text. PROTOCOL.md §3. */
export const depthMax = 32

/** Up to here a look at each byte is cheaper than a call of `isUtf8`, and most strings of a message are ASCII. */
const walkedBytesMax = 64

/** What an item's first byte announces: nothing that is allowed, bytes of its own, a text, or items that follow. */
const refused = 0
const scalar = 1
const integer64 = 2
const text = 3
const array = 4
const map = 5

const int64 = 0xd3
const cutShort = 'the value is cut short'

/** By first byte: the kind of item, the bytes that follow (of a scalar) or that hold the length, and the length where the first byte holds it. */
const kinds = new Uint8Array(256)
const widths = new Uint8Array(256)
const lengths = new Uint8Array(256)
describeFormats()

/** The containers around the one being walked. One scan ends before the next begins, so they are shared. */
const outerItemsLeft = new Float64Array(depthMax)
const outerIsMap = new Uint8Array(depthMax)

/**
 * null when the bytes are exactly one value of the kinds that PROTOCOL.md §3 allows: nil, booleans, integers within ±(2^53−1),
 * valid UTF-8 strings, arrays, maps with string keys. Otherwise the reason as a short phrase. No recursion, one pass, no object per item.
 */
export function scanMsgpack(bytes: Uint8Array): string | null {
  const end = bytes.length
  let offset = 0
  let depth = 0
  let itemsLeft = 1
  let isMap = false
  for (;;) {
    while (itemsLeft === 0) {
      if (depth === 0) return offset === end ? null : 'bytes follow the value'
      depth -= 1
      itemsLeft = outerItemsLeft[depth] ?? 0
      isMap = outerIsMap[depth] === 1
    }
    if (offset >= end) return cutShort
    const first = bytes[offset] ?? 0
    const kind = kinds[first] ?? refused
    if (kind === refused) return refusal(first)
    // Keys and values of a map take turns: an even number of items left means that a key comes.
    if (isMap && itemsLeft % 2 === 0 && kind !== text) return 'a map key is not a string'
    itemsLeft -= 1
    offset += 1

    const width = widths[first] ?? 0
    const bodyAt = offset + width
    if (bodyAt > end) return cutShort
    if (kind === integer64) {
      if (!isSafeInteger64(bytes, offset, first === int64)) return 'an integer beyond ±(2^53−1)'
      offset = bodyAt
    } else if (kind === scalar) {
      offset = bodyAt
    } else {
      const length = width === 0 ? (lengths[first] ?? 0) : unsignedAt(bytes, offset, width)
      offset = bodyAt
      if (kind === text) {
        offset += length
        if (offset > end) return cutShort
        if (!isText(bytes, bodyAt, offset)) return 'a string is not valid UTF-8'
      } else {
        if (depth === depthMax) return `nested deeper than ${depthMax} levels`
        outerItemsLeft[depth] = itemsLeft
        outerIsMap[depth] = isMap ? 1 : 0
        depth += 1
        isMap = kind === map
        itemsLeft = isMap ? length * 2 : length
      }
    }
  }
}

/** Source of the ranges: the msgpack specification, "Formats". What is not named here is refused. */
function describeFormats(): void {
  kinds.fill(scalar, 0x00, 0x80)
  kinds.fill(map, 0x80, 0x90)
  kinds.fill(array, 0x90, 0xa0)
  kinds.fill(text, 0xa0, 0xc0)
  kinds.fill(scalar, 0xe0)
  for (let first = 0x80; first < 0xc0; first += 1) lengths[first] = first & (first < 0xa0 ? 0x0f : 0x1f)
  const long: readonly (readonly [first: number, kind: number, ...widths: number[]])[] = [
    [0xc0, scalar, 0],
    [0xc2, scalar, 0, 0],
    [0xcc, scalar, 1, 2, 4],
    [0xcf, integer64, 8],
    [0xd0, scalar, 1, 2, 4],
    [int64, integer64, 8],
    [0xd9, text, 1, 2, 4],
    [0xdc, array, 2, 4],
    [0xde, map, 2, 4],
  ]
  for (const [first, kind, ...bytesOfEach] of long) {
    kinds.fill(kind, first, first + bytesOfEach.length)
    widths.set(bytesOfEach, first)
  }
}

function refusal(first: number): string {
  if (first === 0xc1) return 'the unused format 0xc1'
  if (first <= 0xc6) return 'binary data'
  return first === 0xca || first === 0xcb ? 'a float' : 'an extension type'
}

/** Big-endian, at most four bytes. */
function unsignedAt(bytes: Uint8Array, offset: number, width: number): number {
  let value = 0
  for (let index = offset; index < offset + width; index += 1) value = value * 256 + (bytes[index] ?? 0)
  return value
}

/** By its two halves: a bigint for each would cost more than the whole item. */
function isSafeInteger64(bytes: Uint8Array, offset: number, isSigned: boolean): boolean {
  const high = unsignedAt(bytes, offset, 4)
  if (!isSigned || high < 0x8000_0000) return high < 0x20_0000
  // −2^53 itself is the one value with this high half that is not safe.
  return high > 0xffe0_0000 || (high === 0xffe0_0000 && unsignedAt(bytes, offset + 4, 4) > 0)
}

function isText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= walkedBytesMax) {
    let index = start
    while (index < end && (bytes[index] ?? 0) < 0x80) index += 1
    if (index === end) return true
  }
  return isUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
}
