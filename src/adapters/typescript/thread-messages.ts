// What is read of a handler thread's messages beside the wire: which handlers hold their thread.

/** Names and aliases of the handlers that a hello marks as synchronous (design D8); null for every other message. */
export function synchronousCallables(message: unknown): ReadonlySet<string> | null {
  if (!isRecord(message) || message['type'] !== 'hello' || !Array.isArray(message['handlers'])) return null
  const marked = message['handlers'].filter((handler) => isRecord(handler) && handler['synchronous'] === true)
  return new Set(marked.flatMap(({ callable, aliases }) => [callable, ...(Array.isArray(aliases) ? aliases : [])]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
