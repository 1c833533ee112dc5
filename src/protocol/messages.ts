// The messages of the wire as types, and the way from an untrusted value to one of them (PROTOCOL.md §3).

import { type RuntimeName, runtimeNames } from '../model/handler.ts'
import type { JsonText } from '../model/json-text.ts'
import type { CallMode, CancelReason, LogLevel, LogRecord } from '../model/runtime-adapter.ts'
import type { StepOutcome } from '../model/step-result.ts'
import { Fields } from './fields.ts'
import { WireError, type WireErrorCode } from './wire-error.ts'

/** The version of the wire that this host speaks; `proto/wire/VERSION` says the same. */
export const wireVersion = 2

/** Field names are those of PROTOCOL.md, so a message is at once the map that is packed or posted. Types, not interfaces: they are WireValues. */
export type AnnouncedHandler = {
  readonly callable: string
  readonly aliases: readonly string[]
  readonly file: string
  readonly root: string
  readonly version: string
  readonly capabilities: readonly string[]
  readonly on_crash: 'backoff' | 'retry'
  readonly depends_on: readonly string[]
  readonly batch: { readonly max_size: number; readonly max_wait_ms: number } | null
}

export type AnnouncedPublisher = { readonly name: string; readonly file: string; readonly root: string }
export type AnnouncedSubscriber = AnnouncedPublisher & { readonly patterns: readonly string[] }

export type AnnouncedLoadFailure = { readonly file: string; readonly message: string }

export type HelloMessage = {
  readonly type: 'hello'
  readonly protocol: number
  readonly runtime: RuntimeName
  readonly sdk_version: string
  readonly language_version: string
  readonly pid: number
  /** The watch answers without the interpreter. */
  readonly watch: boolean
  readonly max_in_flight: number
  readonly handlers: readonly AnnouncedHandler[]
  readonly load_failures: readonly AnnouncedLoadFailure[]
  readonly publishers: readonly AnnouncedPublisher[]
  readonly subscribers: readonly AnnouncedSubscriber[]
  readonly resolvers: readonly string[]
}

/** `accepted`: the calls wait inside the guest. `started`: code of their authors is about to run. */
export type ProgressMessage =
  | { readonly type: 'accepted'; readonly call_ids: readonly string[] }
  | { readonly type: 'started'; readonly call_ids: readonly string[] }

export type LogMessage = {
  readonly type: 'log'
  readonly step_uuid: string | null
  readonly stream: LogRecord['stream']
  readonly level: LogLevel
  readonly message: string
  readonly fields: JsonText | null
}

export type HeartbeatMessage = { readonly type: 'heartbeat'; readonly in_flight: number }

export type CheckpointMessage = {
  readonly type: 'checkpoint'
  readonly call_id: string
  readonly step_uuid: string
  readonly checkpoint_id: number
  readonly data: JsonText
}

export type ResultError = {
  readonly message: string
  readonly error_type: string
  readonly error_code: string | null
  readonly retryable: boolean
  readonly retry_after_s: number | null
  readonly backtrace: readonly string[]
  readonly context: JsonText
}

type EntryBase = { readonly step_uuid: string; readonly execution_time_ms: number; readonly metadata: JsonText }
export type ResultOutcome = { readonly kind: StepOutcome['kind']; readonly document: JsonText }
export type ResultEntry =
  | (EntryBase & { readonly success: true; readonly result: JsonText; readonly outcome: ResultOutcome | null })
  | (EntryBase & { readonly success: false; readonly error: ResultError })

export type ResultMessage = {
  readonly type: 'result'
  readonly call_id: string
  readonly results: readonly ResultEntry[]
}
export type PongMessage = { readonly type: 'pong'; readonly nonce: number }
export type ErrorMessage<Code extends string = string> = {
  readonly type: 'error'
  readonly code: Code
  readonly message: string
}

export type ExecuteRequest = {
  readonly step_uuid: string
  readonly task_uuid: string
  readonly correlation_id: string
  readonly step_name: string
  readonly attempts: number
  readonly task: JsonText
  readonly workflow_step: JsonText
  readonly dependency_results: JsonText
  readonly step_definition: JsonText
}

export type ExecuteMessage = {
  readonly type: 'execute'
  readonly call_id: string
  readonly mode: CallMode
  readonly callable: string
  readonly method: string | null
  readonly resolver: string | null
  readonly deadline_ms: number
  readonly traceparent: string | null
  /** Only where the mode has one. */
  readonly event?: JsonText
  readonly requests: readonly ExecuteRequest[]
}

export type CancelMessage = {
  readonly type: 'cancel'
  readonly call_id: string
  readonly reason: CancelReason
  readonly grace_ms: number
}

export type CheckpointedMessage = {
  readonly type: 'checkpointed'
  readonly call_id: string
  readonly checkpoint_id: number
  readonly stored: boolean
  readonly message: string | null
}
export type PingMessage = { readonly type: 'ping'; readonly nonce: number }
export type ReloadMessage = { readonly type: 'reload' }
export type ShutdownMessage = { readonly type: 'shutdown' }

export type GuestMessage =
  | HelloMessage
  | ProgressMessage
  | LogMessage
  | HeartbeatMessage
  | CheckpointMessage
  | ResultMessage
  | PongMessage
  | ErrorMessage
export type HostMessage =
  | ExecuteMessage
  | CancelMessage
  | CheckpointedMessage
  | ReloadMessage
  | PingMessage
  | ShutdownMessage
  | ErrorMessage<WireErrorCode>

const streams = ['stdout', 'stderr', 'log'] as const
const outcomeKinds = ['decision', 'batches', 'checkpoint'] as const
const levels = ['debug', 'info', 'warn', 'error'] as const

/**
 * A message of the guest from an untrusted value: the decoded payload of a frame, or what a worker thread posted.
 * Unknown fields are dropped.
 * @throws WireError `bad_message`, `unknown_type`, or `protocol_version` before anything else of a foreign `hello` is judged.
 */
export function decodeGuestMessage(value: unknown): GuestMessage {
  const fields = new Fields(value, 'The message')
  const type = fields.string('type')
  switch (type) {
    case 'result':
      return readResult(fields)
    case 'accepted':
    case 'started':
      return { type, call_ids: fields.strings('call_ids') }
    case 'log':
      return readLog(fields)
    case 'heartbeat':
      return { type, in_flight: fields.integer('in_flight', 0) }
    case 'checkpoint':
      return readCheckpoint(fields)
    case 'hello':
      return readHello(fields)
    case 'pong':
      return { type, nonce: fields.integer('nonce', Number.MIN_SAFE_INTEGER) }
    case 'error':
      return { type, code: fields.string('code'), message: fields.string('message') }
  }
  throw new WireError('unknown_type', `No message of a guest has the type ${JSON.stringify(type.slice(0, 40))}.`)
}

function readHello(fields: Fields): HelloMessage {
  const protocol = fields.integer('protocol', 0)
  if (protocol !== wireVersion) {
    const behind = protocol > wireVersion ? 'the host' : 'the runtime'
    const versions = `The runtime speaks version ${protocol} of the wire and this host version ${wireVersion}`
    throw new WireError('protocol_version', `${versions}: upgrade ${behind}.`)
  }
  return {
    type: 'hello',
    protocol,
    runtime: fields.oneOf('runtime', runtimeNames),
    sdk_version: fields.string('sdk_version'),
    language_version: fields.string('language_version'),
    pid: fields.integer('pid', 0),
    watch: fields.boolean('watch'),
    max_in_flight: fields.integer('max_in_flight', 1),
    handlers: fields.maps('handlers', readHandler),
    load_failures: fields.maps('load_failures', (failure) => ({
      file: failure.string('file'),
      message: failure.string('message'),
    })),
    publishers: fields.optionalMaps('publishers', readPublisher),
    resolvers: fields.optionalStrings('resolvers'),
    subscribers: fields.optionalMaps('subscribers', (subscriber) => ({
      ...readPublisher(subscriber),
      patterns: subscriber.strings('patterns'),
    })),
  }
}

function readHandler(handler: Fields): AnnouncedHandler {
  const batch = handler.optionalMap('batch')
  return {
    callable: handler.string('callable'),
    aliases: handler.strings('aliases'),
    file: handler.string('file'),
    root: handler.string('root'),
    version: handler.string('version'),
    capabilities: handler.strings('capabilities'),
    on_crash: handler.oneOf('on_crash', ['backoff', 'retry']),
    depends_on: handler.optionalStrings('depends_on'),
    batch:
      batch === null ? null : { max_size: batch.integer('max_size', 1), max_wait_ms: batch.integer('max_wait_ms', 0) },
  }
}

function readPublisher(fields: Fields): AnnouncedPublisher {
  return { name: fields.string('name'), file: fields.string('file'), root: fields.string('root') }
}

function readLog(fields: Fields): LogMessage {
  return {
    type: 'log',
    step_uuid: fields.optionalString('step_uuid'),
    stream: fields.oneOf('stream', streams),
    level: fields.oneOf('level', levels),
    message: fields.string('message'),
    fields: fields.optionalString('fields') as JsonText | null,
  }
}

function readCheckpoint(fields: Fields): CheckpointMessage {
  return {
    type: 'checkpoint',
    call_id: fields.string('call_id'),
    step_uuid: fields.string('step_uuid'),
    checkpoint_id: fields.integer('checkpoint_id', 0),
    data: fields.string('data') as JsonText,
  }
}

function readResult(fields: Fields): ResultMessage {
  return { type: 'result', call_id: fields.string('call_id'), results: fields.maps('results', readEntry) }
}

/** One entry of `result.results`. Documents stay unread: who stores them scans them. */
function readEntry(fields: Fields): ResultEntry {
  const stepUuid = fields.string('step_uuid')
  const executionTimeMs = fields.integer('execution_time_ms', 0)
  const metadata = fields.string('metadata') as JsonText
  if (fields.boolean('success')) {
    const result = fields.string('result') as JsonText
    const outcome = readOutcome(fields.optionalMap('outcome'))
    return { step_uuid: stepUuid, execution_time_ms: executionTimeMs, metadata, success: true, result, outcome }
  }
  const error = readError(fields.map('error'))
  return { step_uuid: stepUuid, execution_time_ms: executionTimeMs, metadata, success: false, error }
}

function readOutcome(fields: Fields | null): ResultOutcome | null {
  if (fields === null) return null
  return { kind: fields.oneOf('kind', outcomeKinds), document: fields.string('document') as JsonText }
}

function readError(fields: Fields): ResultError {
  return {
    message: fields.string('message'),
    error_type: fields.string('error_type'),
    error_code: fields.optionalString('error_code'),
    retryable: fields.boolean('retryable'),
    retry_after_s: fields.optionalInteger('retry_after_s', 0),
    backtrace: fields.strings('backtrace'),
    context: fields.string('context') as JsonText,
  }
}
