// Entry of a handler thread: the messages of the wire are messages of the thread.

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { type GuestOptions, openGuest } from './guest.ts'
import type { HostMessage } from './messages.ts'

if (isMainThread || parentPort === null) throw new Error('This is the entry of a worker thread; the host starts it.')
const port = parentPort
const session = await openGuest(workerData as GuestOptions, {
  post: (message) => port.postMessage(message),
  exit: () => process.exit(0),
})
port.on('message', (message: HostMessage) => void session.receive(message))
