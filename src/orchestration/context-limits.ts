// How large a task's context may be, checked on a parsed copy. Source of the limits: orchestration-semantics §1.4.

export interface ContextLimits {
  readonly bytesMax: number
  readonly depthMax: number
  /** Keys of one object, items of one array. */
  readonly membersMax: number
  readonly stringBytesMax: number
}

export const contextLimitDefaults: ContextLimits = {
  bytesMax: 1_048_576,
  depthMax: 10,
  membersMax: 1_000,
  stringBytesMax: 10_000,
}

/** One sentence with the path of the first offender; null when all is well. */
export function contextProblem(context: unknown, limits: ContextLimits): string | null {
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return 'context must be a JSON object'
  const open: { value: unknown; path: string; depth: number }[] = [{ value: context, path: 'context', depth: 1 }]
  // A work list, not recursion: the depth is what is being checked.
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value, path, depth } = place
    if (typeof value === 'string' && Buffer.byteLength(value) > limits.stringBytesMax) {
      return `${path} is a string of more than ${limits.stringBytesMax} bytes`
    }
    if (typeof value !== 'object' || value === null) continue
    if (depth > limits.depthMax) return `context is nested deeper than ${limits.depthMax} levels at ${path}`
    const members = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
    if (members.length > limits.membersMax) return `${path} has more than ${limits.membersMax} members`
    for (const [key, member] of members) {
      open.push({
        value: member,
        path: typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`,
        depth: depth + 1,
      })
    }
  }
  return null
}
