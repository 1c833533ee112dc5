// The wire of a TypeScript process: messages come whole however the bytes are cut, and what is no message ends the session.

import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMessage, MessageReader } from '../../../runtimes/typescript/src/frames.ts'
import { decodePayload, encodePayload } from '../../../src/protocol/codec.ts'
import { encodeFrame, FrameDecoder } from '../../../src/protocol/frames.ts'

const frameBytesMax = 1000

describe('MessageReader', () => {
  it('gives the host’s messages, however they are cut', () => {
    const nonces = fc.array(fc.nat(), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(nonces, fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const frames = sent.map((nonce) => encodeFrame(encodePayload({ type: 'ping', nonce }), frameBytesMax))
        const bytes = Buffer.concat(frames)
        const reader = new MessageReader(frameBytesMax)
        const read: unknown[] = []
        for (let at = 0; at < bytes.length; ) {
          const end = at + (cuts.next().value as number)
          read.push(...reader.feed(bytes.subarray(at, end)))
          at = end
        }
        expect(read).toEqual(sent.map((nonce) => ({ type: 'ping', nonce })))
      }),
    )
  })

  it.each([
    ['frame_empty', Buffer.from([0, 0, 0, 0])],
    ['frame_too_large', Buffer.from([0, 0, 4, 0])],
    ['bad_message', Buffer.from([0, 0, 0, 1, 0xc1])],
    ['bad_message', Buffer.from([0, 0, 0, 1, 0x05])],
  ])('refuses %s', (code, bytes) => {
    expect(() => [...new MessageReader(frameBytesMax).feed(bytes)]).toThrow(expect.objectContaining({ code }))
  })

  it('writes what the host reads', () => {
    const decoder = new FrameDecoder(frameBytesMax)
    const message = { type: 'pong', nonce: 7 } as const
    const payloads: unknown[] = []
    for (const payload of decoder.push(encodeMessage(message, frameBytesMax))) payloads.push(decodePayload(payload))
    expect(payloads).toEqual([message])
    expect(() => encodeMessage({ type: 'error', code: 'x', message: 'a'.repeat(2000) }, frameBytesMax)).toThrow(
      'beyond',
    )
  })
})

describe('the process', () => {
  it('answers what is no frame with an error, and ends with 70', async () => {
    const entry = 'dist/runtimes/typescript/src/process.js'
    const child = spawn(process.execPath, [entry], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    const wire = child.stdio[3] as Duplex
    const decoder = new FrameDecoder(16_777_216)
    const types: unknown[] = []
    wire.on('data', (bytes: Buffer) => {
      for (const payload of decoder.push(bytes)) {
        const { type, code } = decodePayload(payload) as { type: string; code?: string }
        types.push(code ?? type)
        if (type === 'hello') wire.write(Buffer.from([0, 0, 0, 0]))
      }
    })
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(70)
    expect(types).toEqual(['hello', 'frame_empty'])
  })

  it('ends when its host is gone', async () => {
    const entry = 'dist/runtimes/typescript/src/process.js'
    const child = spawn(process.execPath, [entry], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    const wire = child.stdio[3] as Duplex
    wire.once('data', () => wire.destroy())
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
  })
})
