// What is read of a handler thread's messages beside the wire: which handlers hold their thread, and which calls began at its end.

/** Names and aliases of the handlers that a hello marks as synchronous (design D8); null for every other message. */
export function synchronousCallables(message: unknown): ReadonlySet<string> | null {
  if (!isRecord(message) || message['type'] !== 'hello' || !Array.isArray(message['handlers'])) return null
  const marked = message['handlers'].filter((handler) => isRecord(handler) && handler['synchronous'] === true)
  return new Set(marked.flatMap(({ callable, aliases }) => [callable, ...(Array.isArray(aliases) ? aliases : [])]))
}

/** The calls that a `started` names; none for every other message. */
export function startedCalls(message: unknown): readonly unknown[] {
  if (!isRecord(message) || message['type'] !== 'started') return []
  return Array.isArray(message['call_ids']) ? message['call_ids'] : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
