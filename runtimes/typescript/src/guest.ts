// The parts of the runtime and how they are joined: everything between the wire, whatever carries it, and the handlers.

import { EventCode } from './event-code.ts'
import { Executor } from './executor.ts'
import { HandlerDirectory } from './handler-directory.ts'
import { type LoadOptions, loadHandlers } from './loader.ts'
import { LogSink, linesPerSecondMaxDefault } from './log-sink.ts'
import type { GuestMessage } from './messages.ts'
import { HandlerRegistry } from './registry.ts'
import { Session } from './session.ts'
import { StandardOutput } from './standard-output.ts'

const protocolVersion = 2
const sdkVersion = '0.1.0'

export interface GuestOptions extends LoadOptions {
  readonly maxInFlight: number
  readonly linesPerSecondMax?: number
}

export interface GuestPorts {
  post(message: GuestMessage): void
  /** Ends the thread or the process. */
  exit(): void
  /** See `SessionOptions`; default: always. */
  mayBegin?(): boolean
}

/** Lines of files that print while they load; what is more is left out. */
const heldMax = 1000

/** The first message is `hello` (PROTOCOL.md §3.1): what files print while they load waits for it. */
function helloFirst(post: (message: GuestMessage) => void): (message: GuestMessage) => void {
  const held: GuestMessage[] = []
  let greeted = false
  return (message) => {
    if (greeted) return post(message)
    if (message.type !== 'hello') {
      if (held.length < heldMax) held.push(message)
      return
    }
    greeted = true
    post(message)
    for (const waiting of held.splice(0)) post(waiting)
  }
}

/** Takes over the output, loads the handlers and says hello; the session that it resolves with takes the host's messages. */
export async function openGuest(options: GuestOptions, ports: GuestPorts): Promise<Session> {
  const { exit } = ports
  const post = helloFirst((message) => ports.post(message))
  const { linesPerSecondMax = linesPerSecondMaxDefault } = options
  const sink = new LogSink({ post, linesPerSecondMax, now: () => performance.now() })
  const output = new StandardOutput(sink)
  output.install()
  process.on('exit', () => output.flushAll())
  process.setSourceMapsEnabled(true)
  // A stray promise or timer of a handler must not take down the calls beside it.
  process.on('uncaughtException', (error) => console.error('Uncaught in a handler:', error))
  process.on('unhandledRejection', (reason) => console.error('Unhandled rejection in a handler:', reason))
  const { handlers, eventCode: declared, failures } = await loadHandlers(options)
  const directory = new HandlerDirectory(handlers)
  const eventCode = new EventCode(declared)
  const mayBegin = () => ports.mayBegin?.() ?? true
  const session = new Session({ executor: new Executor(directory, eventCode), output, sink, post, exit, mayBegin })
  post({
    type: 'hello',
    protocol: protocolVersion,
    runtime: 'typescript',
    sdk_version: sdkVersion,
    language_version: process.versions.node,
    pid: process.pid,
    // A thread of the host needs no watch: it ends with it. A process of its own is watched by pings and its CPU time.
    watch: false,
    max_in_flight: options.maxInFlight,
    handlers: directory.entries(),
    publishers: eventCode.publisherEntries(),
    subscribers: eventCode.subscriberEntries(),
    resolvers: HandlerRegistry.instance
      .getResolverChain()
      .custom()
      .map(({ name }) => name),
    load_failures: failures,
  })
  return session
}
