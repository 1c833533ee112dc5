// Entry of a handler thread: take over the output, load the handlers, say hello, serve.

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { EventCode } from './event-code.ts'
import { Executor } from './executor.ts'
import { HandlerDirectory } from './handler-directory.ts'
import { type LoadOptions, loadHandlers } from './loader.ts'
import { LogSink, linesPerSecondMaxDefault } from './log-sink.ts'
import type { GuestMessage, HostMessage } from './messages.ts'
import { Session } from './session.ts'
import { StandardOutput } from './standard-output.ts'

const protocolVersion = 2
const sdkVersion = '0.1.0'

/** What the host passes as `workerData`. */
export interface ThreadData extends LoadOptions {
  readonly maxInFlight: number
}

async function serve(port: NonNullable<typeof parentPort>, data: ThreadData): Promise<void> {
  const post = (message: GuestMessage): void => port.postMessage(message)
  const sink = new LogSink({ post, linesPerSecondMax: linesPerSecondMaxDefault, now: () => performance.now() })
  const output = new StandardOutput(sink)
  output.install()
  process.on('exit', () => output.flushAll())
  process.setSourceMapsEnabled(true)
  // A stray promise or timer of a handler must not take down the calls beside it.
  process.on('uncaughtException', (error) => console.error('Uncaught in a handler:', error))
  process.on('unhandledRejection', (reason) => console.error('Unhandled rejection in a handler:', reason))
  const { handlers, eventCode: declared, failures } = await loadHandlers(data)
  const directory = new HandlerDirectory(handlers)
  const eventCode = new EventCode(declared)
  const session = new Session({
    executor: new Executor(directory, eventCode),
    output,
    sink,
    post,
    exit: () => process.exit(0),
  })
  port.on('message', (message: HostMessage) => void session.receive(message))
  post({
    type: 'hello',
    protocol: protocolVersion,
    runtime: 'typescript',
    sdk_version: sdkVersion,
    language_version: process.versions.node,
    pid: process.pid,
    // A thread of the host needs no watch: it ends with it.
    watch: false,
    max_in_flight: data.maxInFlight,
    handlers: directory.entries(),
    publishers: eventCode.publisherEntries(),
    subscribers: eventCode.subscriberEntries(),
    load_failures: failures,
  })
}

if (isMainThread || parentPort === null) throw new Error('This is the entry of a worker thread; the host starts it.')
await serve(parentPort, workerData as ThreadData)
