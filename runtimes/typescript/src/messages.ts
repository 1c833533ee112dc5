// The messages between host and guest as PROTOCOL.md §3 names them; worker threads exchange them as plain objects.

/** The text of one JSON value. */
export type Document = string

export interface HandlerEntry {
  readonly callable: string
  readonly aliases: readonly string[]
  readonly file: string
  readonly root: string
  readonly version: string
  readonly capabilities: readonly string[]
  readonly on_crash: 'backoff' | 'retry'
  readonly batch: { readonly max_size: number; readonly max_wait_ms: number } | null
  readonly depends_on: readonly string[]
  /** Beyond the wire's fields: a thread that runs such a handler gets no second call meanwhile. */
  readonly synchronous: boolean
}

export interface EventCodeEntry {
  readonly name: string
  readonly file: string
  readonly root: string
}

export interface SubscriberEntry extends EventCodeEntry {
  readonly patterns: readonly string[]
}

export interface LoadFailureEntry {
  readonly file: string
  readonly message: string
}

export interface RequestEntry {
  readonly step_uuid: string
  readonly task_uuid: string
  readonly correlation_id: string
  readonly step_name: string
  readonly attempts: number
  readonly task: Document
  readonly workflow_step: Document
  readonly dependency_results: Document
  readonly step_definition: Document
}

export interface ExecuteMessage {
  readonly type: 'execute'
  readonly call_id: string
  readonly mode: 'single' | 'batch' | 'publish' | 'published' | 'deliver'
  readonly callable: string
  readonly method?: string | null
  readonly resolver?: string | null
  readonly deadline_ms: number
  readonly traceparent?: string | null
  readonly requests: readonly RequestEntry[]
  /** For publishers and subscribers. */
  readonly event?: Document | null
}

export type CancelWord = 'timeout' | 'shutdown' | 'lease_lost'

export interface CheckpointedMessage {
  readonly type: 'checkpointed'
  readonly call_id: string
  readonly checkpoint_id: number
  readonly stored: boolean
  readonly message?: string | null
}

export type HostMessage =
  | ExecuteMessage
  | CheckpointedMessage
  | { readonly type: 'cancel'; readonly call_id: string; readonly reason: CancelWord; readonly grace_ms: number }
  | { readonly type: 'ping'; readonly nonce: number }
  | { readonly type: 'reload' }
  | { readonly type: 'shutdown' }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

export interface ErrorEntry {
  readonly message: string
  readonly error_type: string
  readonly error_code: string | null
  readonly retryable: boolean
  readonly retry_after_s: number | null
  readonly backtrace: readonly string[]
  readonly context: Document
}

interface Outcome {
  readonly step_uuid: string
  readonly execution_time_ms: number
  readonly metadata: Document
}

/** What a success asks for beyond its result (PROTOCOL.md §3.1). */
export interface StepOutcome {
  readonly kind: 'decision' | 'batches' | 'checkpoint'
  readonly document: Document
}

export type ResultEntry =
  | (Outcome & { readonly success: true; readonly result: Document; readonly outcome?: StepOutcome })
  | (Outcome & { readonly success: false; readonly error: ErrorEntry })

/** What a step prints or logs; a thread has no log pipes of its own, so all of its lines travel so. */
export interface LogMessage {
  readonly type: 'log'
  readonly step_uuid: string | null
  readonly stream: 'stdout' | 'stderr' | 'log'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Document | null
}

export type GuestMessage =
  | {
      readonly type: 'hello'
      readonly protocol: number
      readonly runtime: 'typescript'
      readonly sdk_version: string
      readonly language_version: string
      readonly pid: number
      readonly watch: boolean
      readonly max_in_flight: number
      readonly handlers: readonly HandlerEntry[]
      readonly publishers: readonly EventCodeEntry[]
      readonly subscribers: readonly SubscriberEntry[]
      /** Names of authors' resolvers. */
      readonly resolvers: readonly string[]
      readonly load_failures: readonly LoadFailureEntry[]
    }
  | { readonly type: 'started'; readonly call_ids: readonly string[] }
  | { readonly type: 'result'; readonly call_id: string; readonly results: readonly ResultEntry[] }
  | {
      readonly type: 'checkpoint'
      readonly call_id: string
      readonly step_uuid: string
      readonly checkpoint_id: number
      readonly data: Document
    }
  | { readonly type: 'pong'; readonly nonce: number }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | LogMessage
