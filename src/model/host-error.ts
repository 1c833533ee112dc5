// Faults: a broken part of the host is a HostError with a code from this one table. Failures of handlers are values.

/** Code → what the person at the terminal can do about it. README lists the same codes; a test compares both. */
export const hostErrorHints = {
  ADDRESS_IN_USE: 'Stop the process that listens there, or choose another address in the configuration.',
  ADAPTER_STOPPED: 'The runtime is stopping; the step goes back to the queue.',
  CIRCUIT_OPEN:
    'Nothing to do: calls go through again soon after what they need is back; the message names the last fault.',
  AUTH_UNAVAILABLE: 'Check that jwks_url of the auth table answers; callers with tokens are turned away until it does.',
  BATCHES_DISABLED:
    'Set orchestration.batch_processing.enabled = true for the orchestrator, or submit a template without batches.',
  BROKER_DENIED: 'Check user, password, virtual host and rights (configure, write, read) of RABBITMQ_URL.',
  BROKER_FAULT: 'RabbitMQ refused an operation; the message is its own.',
  BROKER_UNREACHABLE: 'Check that RabbitMQ runs and that RABBITMQ_URL names it.',
  CONFIG_INVALID: 'Correct the named key; the message says what is allowed.',
  DATABASE_ANSWER_LOST: 'Nobody knows whether the statement took place; what stephost sends it can send again.',
  DATABASE_DENIED: 'Check user, password and rights of DATABASE_URL.',
  DATABASE_UNAVAILABLE:
    'PostgreSQL answers but takes no work: free its disk, end its read-only mode or its overload. Nothing is lost meanwhile.',
  DATABASE_POOLED:
    'Set common.database.pooler = "transaction", and listen_url to PostgreSQL itself; the README says it all under "Behind a pooler".',
  DATABASE_UNREACHABLE:
    'Check that PostgreSQL runs and that DATABASE_URL names it; without DATABASE_URL an embedded server is used.',
  DATABASE_FAULT: 'PostgreSQL refused a statement; the message is its own.',
  EMBEDDED_POSTGRES_FAILED: 'See the log file named in the message, or set DATABASE_URL to a server of your own.',
  EMBEDDED_POSTGRES_MISSING: 'Run bin/setup, or set DATABASE_URL to a server of your own.',
  FRAME_TOO_LARGE: 'Make the payload smaller, or raise frameBytesMax on both sides.',
  HANDLERS_DIR_MISSING: 'Name an existing directory with --handlers.',
  NOTIFICATIONS_LOST:
    'Set common.database.listen_url (STEPHOST_LISTEN_URL) to PostgreSQL itself, not to a pooler, and to the same database.',
  PROTOCOL_ERROR: 'Host and runtime disagree about the wire; reinstall both from one version.',
  PROTOCOL_VERSION: 'Upgrade the side that the message names.',
  QUEUE_MISMATCH:
    'Delete the queue when it is empty, so that it is declared anew, or make what declared it first use the same arguments.',
  RUNTIME_BUSY: 'The step goes back to the queue; lower the concurrency or raise the in-flight limit of the runtime.',
  RUNTIME_DIED: 'The step is retried; the runtime is started again.',
  RUNTIME_UNAVAILABLE: 'Run `stephost doctor`: it names what is missing and the command that installs it.',
  SCHEMA_MISSING: 'Run `stephost migrate`.',
  SEMAPHORE_MISUSED: 'This is a defect of stephost: a permit was released twice.',
  STEP_ACTION_INVALID: 'Correct the action; the message names the field.',
  STEP_NOT_FOUND: 'Check the step id, and that the step belongs to the task.',
  STEP_TRANSITION_INVALID:
    'Look at the state of the step: only a failed step can be reset, and a finished one stays as it is.',
  TASK_DUPLICATE: 'A task with this identity exists; change the context or send an identity of its own.',
  TASK_FINISHED: 'Nothing to do: the task has ended; submit a new one to run it again.',
  TASK_INVALID: 'Correct the request; the message names the field.',
  TASK_NOT_FOUND: 'Check the task id.',
  TASK_TRANSITION_INVALID: 'This is a defect of stephost: a task was to move where no move leads.',
  TEMPLATE_INVALID: 'Correct the template; the message names the place.',
  TEMPLATE_NOT_FOUND: 'Run `stephost templates` for the names and versions that exist.',
} as const

export type HostErrorCode = keyof typeof hostErrorHints

export class HostError extends Error {
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'HostError'
    this.code = code
  }

  get hint(): string {
    return hostErrorHints[this.code]
  }
}

export function isHostError(error: unknown, ...codes: HostErrorCode[]): error is HostError {
  return error instanceof HostError && (codes.length === 0 || codes.includes(error.code))
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
