// What the handlers themselves wrote down: one line when a run of a step begins and one when it ends.
import { existsSync, readFileSync } from 'node:fs'

export const executionPhases = ['begin', 'success', 'failure', 'yield'] as const
export type ExecutionPhase = (typeof executionPhases)[number]

export interface ExecutionLine {
  readonly phase: ExecutionPhase
  readonly stepId: string
  /** Attempts before this one, as the handler was told. */
  readonly attempt: number
  /** Items that the step's checkpoint counted when the run began. */
  readonly items: number
  readonly run: string
}

/** In the order in which they were written. Throws on a line that is no such line: lines are written whole or not at all. */
export function readExecutionLog(file: string): readonly ExecutionLine[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine)
}

function parseLine(line: string): ExecutionLine {
  const [word = '', stepId = '', attempt, items, run = ''] = line.split(' ')
  const phase = executionPhases.find((known) => known === word)
  if (phase === undefined || run === '') throw new Error(`not a line of a handler: ${line}`)
  return { phase, stepId, attempt: Number(attempt), items: Number(items), run }
}

/** The lines by a part of them, each group in the order in which they were written. */
export function groupedBy<Key>(
  lines: readonly ExecutionLine[],
  keyOf: (line: ExecutionLine) => Key,
): ReadonlyMap<Key, readonly ExecutionLine[]> {
  const groups = new Map<Key, ExecutionLine[]>()
  for (const line of lines) {
    const key = keyOf(line)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [line])
    else group.push(line)
  }
  return groups
}
