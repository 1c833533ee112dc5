// Frames: every vector under every way of cutting, and the round trip under random cuts.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../src/protocol/frames.ts'
import { expandRuns, fromHex, loadVectors, type Run, toHex } from './vectors.ts'

interface FrameVector {
  name: string
  frame_bytes_max: number
  bytes: Run[]
  payloads: Run[][]
  error: string | null
  incomplete: boolean | null
}

describe('FrameDecoder on the frame vectors', () => {
  it.each(loadVectors<FrameVector>('frames'))('$name', (vector) => {
    const bytes = fromHex(expandRuns(vector.bytes))
    for (const cuts of waysOfCutting(bytes.length)) {
      const decoder = new FrameDecoder(vector.frame_bytes_max)
      const payloads = pieces(bytes, cuts).flatMap((piece) => decoder.push(piece))
      expect(payloads.map(toHex)).toEqual(vector.payloads.map(expandRuns))
      expect(decoder.violation?.wireCode ?? null).toBe(vector.error)
      if (vector.incomplete !== null) expect(decoder.incomplete).toBe(vector.incomplete)
    }
  })
})

describe('encodeFrame and FrameDecoder', () => {
  it('give back every sequence of payloads, however the bytes are cut', () => {
    const payload = fc.uint8Array({ minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 6 }), fc.array(fc.nat(250), { maxLength: 8 }), (payloads, cuts) => {
        const bytes = Buffer.concat(payloads.map((each) => encodeFrame(each, 40)))
        const decoder = new FrameDecoder(40)
        const sorted = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
        const received = pieces(bytes, sorted).flatMap((piece) => decoder.push(piece))
        expect(received.map(toHex)).toEqual(payloads.map(toHex))
        expect(decoder.incomplete).toBe(false)
      }),
    )
  })

  it('read any bytes alike however they are cut, up to the first violation', () => {
    // Lengths about the limit, so that most streams hold a few frames and then one that is refused.
    const stream = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 6 })), { maxLength: 6 })
    const cutPlaces = fc.array(fc.nat(60), { maxLength: 8 })
    fc.assert(
      fc.property(stream, cutPlaces, (items, cuts) => {
        const bytes = Buffer.concat(items.flatMap(([length, body]) => [Uint8Array.of(0, 0, 0, length), body]))
        const read = (places: readonly number[]) => {
          const decoder = new FrameDecoder(5)
          const payloads = pieces(bytes, places).flatMap((piece) => decoder.push(piece))
          return { payloads: payloads.map(toHex), code: decoder.violation?.wireCode, torn: decoder.incomplete }
        }
        const sorted = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
        expect(read(sorted)).toEqual(read([]))
      }),
    )
  })

  it('refuse to send what a reader would refuse', () => {
    expect(() => encodeFrame(new Uint8Array(0), 8)).toThrowError(expect.objectContaining({ wireCode: 'frame_empty' }))
    expect(() => encodeFrame(new Uint8Array(9), 8)).toThrowError(
      expect.objectContaining({ wireCode: 'frame_too_large', code: 'FRAME_TOO_LARGE' }),
    )
    expect(encodeFrame(new Uint8Array(8), 8)).toHaveLength(12)
  })

  it('a decoder keeps no reference to chunks of an unfinished frame', () => {
    const chunk = Uint8Array.of(0, 0, 0, 3, 1, 2)
    const decoder = new FrameDecoder(16)
    decoder.push(chunk)
    chunk.fill(9)
    expect(decoder.push(Uint8Array.of(3))).toEqual([Uint8Array.of(1, 2, 3)])
  })
})

/** In one piece, one byte a piece, and in two pieces at every place. */
function waysOfCutting(length: number): number[][] {
  const places = Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1)
  return [[], places, ...places.map((place) => [place])]
}

function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, bytes.length]
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
}
