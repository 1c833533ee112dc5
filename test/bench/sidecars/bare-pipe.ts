// The bare msgpack pipe that sidecar calls are compared with: the same messages over the same kind of socket, and nothing else.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { Packr } from 'msgpackr'
import type { HandlerCall } from '../../../src/model/runtime-adapter.ts'
import { executeMessage } from '../../../src/protocol/step-envelope.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const headerBytes = 4

export class BarePipe {
  readonly #child: ChildProcess
  readonly #wire: Duplex
  readonly #waiting = new Map<string, () => void>()
  #buffered: Uint8Array = new Uint8Array()
  #corked = false

  constructor(command: readonly [string, string]) {
    this.#child = spawn(command[0], [command[1]], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    this.#wire = this.#child.stdio[3] as Duplex
    this.#wire.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  call(call: HandlerCall): Promise<void> {
    const [first] = call.requests
    if (first === undefined) return Promise.resolve()
    const payload = packr.pack(executeMessage(call, first, performance.now()))
    const frame = Buffer.allocUnsafe(headerBytes + payload.length)
    frame.writeUInt32BE(payload.length)
    payload.copy(frame, headerBytes)
    if (!this.#corked) {
      this.#corked = true
      this.#wire.cork()
      setImmediate(() => {
        this.#corked = false
        this.#wire.uncork()
      })
    }
    this.#wire.write(frame)
    return new Promise((resolve) => this.#waiting.set(call.id, resolve))
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#wire.end()
    await exited
  }

  #read(chunk: Buffer): void {
    const bytes: Buffer = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    let start = 0
    while (start + headerBytes <= bytes.length) {
      const end = start + headerBytes + bytes.readUInt32BE(start)
      if (end > bytes.length) break
      const { call_id: id } = packr.unpack(bytes.subarray(start + headerBytes, end)) as { call_id: string }
      this.#waiting.get(id)?.()
      this.#waiting.delete(id)
      start = end
    }
    this.#buffered = bytes.subarray(start)
  }
}
