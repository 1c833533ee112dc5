// The messages between host and guest as PROTOCOL.md §3 names them; worker threads exchange them as plain objects.

/** The text of one JSON value. */
export type Document = string

export interface HandlerEntry {
  readonly callable: string
  readonly aliases: readonly string[]
  readonly file: string
  readonly root: string
  readonly version: string
  /** Beyond the wire's fields: a thread that runs such a handler gets no second call meanwhile. */
  readonly synchronous: boolean
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
  readonly mode: 'single' | 'batch'
  readonly callable: string
  readonly method?: string | null
  readonly resolver?: string | null
  readonly deadline_ms: number
  readonly requests: readonly RequestEntry[]
}

export type CancelWord = 'timeout' | 'shutdown' | 'lease_lost'

export type HostMessage =
  | ExecuteMessage
  | { readonly type: 'cancel'; readonly call_id: string; readonly reason: CancelWord }
  | { readonly type: 'ping'; readonly nonce: number }
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

export type ResultEntry =
  | (Outcome & { readonly success: true; readonly result: Document })
  | (Outcome & { readonly success: false; readonly error: ErrorEntry })

/** A thread has no descriptor 2 of its own: its log lines travel beside the wire's messages, in order with them. */
export interface LogMessage {
  readonly type: 'log'
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
  readonly step_uuid: string | null
}

export type GuestMessage =
  | {
      readonly type: 'hello'
      readonly protocol: number
      readonly runtime: 'typescript'
      readonly sdk_version: string
      readonly language_version: string
      readonly pid: number
      readonly max_in_flight: number
      readonly handlers: readonly HandlerEntry[]
      readonly load_failures: readonly LoadFailureEntry[]
    }
  | { readonly type: 'result'; readonly call_id: string; readonly results: readonly ResultEntry[] }
  | { readonly type: 'pong'; readonly nonce: number }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | LogMessage
