// What a handler thread says beside the wire: its log lines, and which handlers hold their thread while they run.

export interface GuestLog {
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
  /** The step whose code printed it. */
  readonly step: string | null
}

/** A log line, null when the message is something else. Threads share the host's descriptors, so lines come as messages, in order with the results. */
export function readGuestLog(message: unknown): GuestLog | null {
  if (!isRecord(message) || message['type'] !== 'log') return null
  const step = message['step_uuid']
  return {
    stream: message['stream'] === 'stderr' ? 'stderr' : 'stdout',
    line: String(message['line']),
    step: typeof step === 'string' ? step : null,
  }
}

/** Names and aliases of the handlers that a hello marks as synchronous (design D8); null for every other message. */
export function synchronousCallables(message: unknown): ReadonlySet<string> | null {
  if (!isRecord(message) || message['type'] !== 'hello' || !Array.isArray(message['handlers'])) return null
  const marked = message['handlers'].filter((handler) => isRecord(handler) && handler['synchronous'] === true)
  return new Set(marked.flatMap(({ callable, aliases }) => [callable, ...(Array.isArray(aliases) ? aliases : [])]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
