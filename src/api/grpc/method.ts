// One method of a service: which permission it needs and what it does; authentication and refusals around it are the same for all.

import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js'
import type { Permission } from '../../model/permission.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { grpcEnding, grpcRefusal } from './grpc-refusal.ts'

/** A message with the names of the protocol files. */
export type Message = Readonly<Record<string, unknown>>

interface UnaryMethod {
  /** null: open to everybody. */
  readonly permission: Permission | null
  readonly answer: (request: Message) => Promise<Message>
}

export interface StreamSink {
  /** False: the client does not keep up; nothing should be sent until it does. */
  isReady(): boolean
  write(message: Message): void
}

interface StreamMethod {
  readonly permission: Permission
  /** Ends the stream when it settles; `signal` says that nobody listens any more, or that the server stops. */
  readonly stream: (request: Message, sink: StreamSink, signal: AbortSignal) => Promise<void>
}

export type Method = UnaryMethod | StreamMethod

export interface Service {
  /** With its package. */
  readonly name: string
  /** That states it, below the directory of the protocol files. */
  readonly file: string
  readonly methods: Readonly<Record<string, Method>>
}

export interface MethodSurroundings {
  readonly authenticator: Authenticator
  /** Told of failures that are the server's. */
  readonly onFault: (error: unknown) => void
  /** Fires when the server stops. */
  readonly ending: AbortSignal
}

export function handler(
  method: Method,
  surroundings: MethodSurroundings,
): handleUnaryCall<Message, Message> | handleServerStreamingCall<Message, Message> {
  return 'stream' in method ? streamHandler(method, surroundings) : unaryHandler(method, surroundings)
}

function unaryHandler(
  { permission, answer }: UnaryMethod,
  surroundings: MethodSurroundings,
): handleUnaryCall<Message, Message> {
  return (call, callback) => {
    authorize(call.metadata, permission, surroundings)
      .then(() => answer(call.request))
      .then(
        (message) => callback(null, message),
        (error: unknown) => callback(refused(error, surroundings)),
      )
  }
}

function streamHandler(
  { permission, stream }: StreamMethod,
  surroundings: MethodSurroundings,
): handleServerStreamingCall<Message, Message> {
  return (call) => {
    const left = new AbortController()
    call.once('cancelled', () => left.abort())
    const signal = AbortSignal.any([left.signal, surroundings.ending])
    authorize(call.metadata, permission, surroundings)
      .then(() => stream(call.request, sinkOf(call), signal))
      .then(
        () => (surroundings.ending.aborted ? call.emit('error', grpcEnding()) : call.end()),
        (error: unknown) => call.emit('error', refused(error, surroundings)),
      )
  }
}

function sinkOf(call: ServerWritableStream<Message, Message>): StreamSink {
  return {
    isReady: () => !call.writableNeedDrain,
    write: (message) => {
      if (!call.cancelled && !call.destroyed) call.write(message)
    },
  }
}

async function authorize(
  metadata: Metadata,
  permission: Permission | null,
  { authenticator }: MethodSurroundings,
): Promise<void> {
  if (permission === null) return
  const first = (name: string) => {
    const [value] = metadata.get(name)
    return typeof value === 'string' ? value : null
  }
  const credentials = { authorization: first('authorization'), apiKey: first(authenticator.apiKeyHeader) }
  await authenticator.authorize(credentials, permission)
}

function refused(error: unknown, { onFault }: MethodSurroundings) {
  const refusal = grpcRefusal(error)
  if (refusal.code === status.INTERNAL) onFault(error)
  return refusal
}
