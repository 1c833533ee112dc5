// The bare N-API round trip that native calls are compared with: the same messages, one thread-safe function, nothing checked.

import { dirname, join } from 'node:path'
import { Packr } from 'msgpackr'
import { addonPath, entrySize, type HandlerHost, loadAddon } from '../../../src/adapters/native/addon.ts'
import type { HandlerCall } from '../../../src/model/runtime-adapter.ts'
import { executeMessage } from '../../../src/protocol/step-envelope.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const messageBytesMax = 16 * 1024 * 1024

export class BareRoundTrip {
  readonly #host: HandlerHost
  readonly #library: number
  readonly #waiting = new Map<number, () => void>()
  #lastTicket = 0

  constructor(threads: number) {
    const limits = { threads, queueMax: threads, abandonedThreadsMax: 0, answerBytesMax: messageBytesMax }
    const { HandlerHost: Host } = loadAddon(addonPath())
    this.#host = new Host({ ...limits, waitingBytesMax: messageBytesMax }, (bytes, index) => this.#take(bytes, index))
    this.#library = this.#host.load(cLibrary, cLibrary).library
  }

  call(call: HandlerCall): Promise<void> {
    const [first] = call.requests
    if (first === undefined) return Promise.resolve()
    this.#lastTicket += 1
    const ticket = this.#lastTicket
    const done = new Promise<void>((resolve) => this.#waiting.set(ticket, resolve))
    this.#host.execute(this.#library, ticket, packr.pack(executeMessage(call, first, performance.now())))
    return done
  }

  stop(): void {
    this.#host.close()
  }

  #take(bytes: Uint8Array, index: Float64Array): void {
    let offset = 0
    for (let at = 0; at < index.length; at += entrySize) {
      const end = offset + (index[at + 3] ?? 0)
      packr.unpack(bytes.subarray(offset, end))
      offset = end
      const ticket = index[at + 1] ?? 0
      this.#waiting.get(ticket)?.()
      this.#waiting.delete(ticket)
    }
  }
}

/** Handlers in C: an answer costs them next to nothing. */
export const cLibrary = join(dirname(addonPath()), 'c_handlers.node')
