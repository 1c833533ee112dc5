// Entry of a handler process, `runtimes.typescript.isolation = "process"`: the wire is a socket, its options PROTOCOL.md §7.

import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeMessage, MessageReader, ProtocolViolation } from './frames.ts'
import { openGuest } from './guest.ts'
import type { GuestMessage, HostMessage } from './messages.ts'

const exits = { done: 0, fault: 70 } as const

const { values: given } = parseArgs({
  options: {
    handlers: { type: 'string', multiple: true, default: [] },
    ignore: { type: 'string', multiple: true, default: [] },
    'max-in-flight': { type: 'string', default: '8' },
    'frame-bytes-max': { type: 'string', default: '16777216' },
    'log-lines-per-second': { type: 'string', default: '1000' },
    'wire-descriptor': { type: 'string', default: '3' },
    // For guests with threads and a watch of their own.
    threads: { type: 'string' },
    'watch-descriptor': { type: 'string' },
    'watch-library': { type: 'string' },
  },
})

const frameBytesMax = Number(given['frame-bytes-max'])
const wire = new Socket({ fd: Number(given['wire-descriptor']), readable: true, writable: true })

/** What is written before an exit must arrive; a host that is gone takes nothing any more. */
function exit(code: number): void {
  wire.end(() => process.exit(code))
}

function post(message: GuestMessage): void {
  if (!wire.destroyed) wire.write(fitting(message))
}

/** A result that no frame takes becomes the failure of its step; everything else is small. */
function fitting(message: GuestMessage): Buffer {
  try {
    return encodeMessage(message, frameBytesMax)
  } catch (error) {
    if (message.type !== 'result' || !(error instanceof ProtocolViolation)) throw error
    const problem = { message: error.message, error_type: 'invalid_result', error_code: null, retryable: false }
    const results = message.results.map(({ step_uuid, execution_time_ms }) => ({
      ...{ step_uuid, execution_time_ms, success: false as const, metadata: '{}' },
      error: { ...problem, retry_after_s: null, backtrace: [], context: '{}' },
    }))
    return encodeMessage({ ...message, results }, frameBytesMax)
  }
}

wire.on('error', () => process.exit(exits.done))
wire.on('end', () => process.exit(exits.done))

const bundleDirectory = await mkdtemp(join(tmpdir(), 'stephost-typescript-'))
const session = await openGuest(
  {
    handlerRoots: given.handlers,
    ignore: given.ignore,
    bundleDirectory,
    maxInFlight: Number(given['max-in-flight']),
    linesPerSecondMax: Number(given['log-lines-per-second']),
  },
  { post, exit: () => exit(exits.done) },
)
// All is imported, and a process that is killed could not remove it any more.
await rm(bundleDirectory, { recursive: true, force: true })

const reader = new MessageReader(frameBytesMax)
wire.on('data', (bytes: Buffer) => {
  try {
    session.receive([...(reader.feed(bytes) as Iterable<HostMessage>)])
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error
    post({ type: 'error', code: error.code, message: error.message })
    exit(exits.fault)
  }
})
