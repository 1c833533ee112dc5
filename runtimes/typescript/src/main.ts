// Entry of a handler thread: the messages of the wire are messages of the thread, those of one turn together.

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { BegunCalls } from './begun-calls.ts'
import { type GuestOptions, openGuest } from './guest.ts'
import type { GuestMessage, HostMessage } from './messages.ts'

if (isMainThread || parentPort === null) throw new Error('This is the entry of a worker thread; the host starts it.')
const port = parentPort

/** Results wait for those of the same turn, but for no handler that holds the thread up. */
const waitMaxMs = 1
let waiting: GuestMessage[] = []
let waitsSince = 0

/** Everything but a result goes at once: what a handler says must arrive also when its thread is ended right after. */
function post(message: GuestMessage): void {
  if (waiting.length === 0) {
    waitsSince = performance.now()
    setImmediate(flush)
  }
  waiting.push(message)
  if (message.type !== 'result' || performance.now() - waitsSince > waitMaxMs) flush()
}

function flush(): void {
  if (waiting.length > 0) hand()
}

function hand(): void {
  port.postMessage(waiting)
  waiting = []
  untold = false
}

const { begun, ...options } = workerData as GuestOptions & { readonly begun: BigInt64Array }
const begunCalls = new BegunCalls(begun)
/** Calls have begun since the host last heard anything, which is when it looks at their number. */
let untold = false

function mayBegin(): boolean {
  if (!begunCalls.tryBegin()) return false
  if (!untold) setImmediate(tell)
  untold = true
  return true
}

/** Nothing to say is enough: a call that goes on for longer than its turn is heard of, too. */
function tell(): void {
  if (untold) hand()
}

const session = await openGuest(options, {
  post,
  mayBegin,
  exit: () => {
    flush()
    process.exit(0)
  },
})
port.on('message', (messages: readonly HostMessage[]) => session.receive(messages))
