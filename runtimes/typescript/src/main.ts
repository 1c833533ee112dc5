// Entry of a handler thread: the messages of the wire are messages of the thread, those of one turn together.

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
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
  if (waiting.length === 0) return
  port.postMessage(waiting)
  waiting = []
}

const session = await openGuest(workerData as GuestOptions, {
  post,
  exit: () => {
    flush()
    process.exit(0)
  },
})
port.on('message', (messages: readonly HostMessage[]) => session.receive(messages))
