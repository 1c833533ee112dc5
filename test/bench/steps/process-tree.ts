// What a process and its descendants have used so far, read from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Of the kernel's times in /proc; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

interface ProcessTimes {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

export interface TreeUse {
  /** User and system time, those of ended children included. */
  readonly cpuS: number
  /** The largest resident set of the root, and the sum of the largest of all. */
  readonly rootRssPeakMb: number
  readonly rssPeakMb: number
}

export function treeUse(root: number): TreeUse {
  const tree = descendants(root)
  return {
    cpuS: tree.reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond,
    rootRssPeakMb: rssPeakMb(root),
    rssPeakMb: tree.reduce((sum, { pid }) => sum + rssPeakMb(pid), 0),
  }
}

/** The ids of the processes below `root`, itself left out. */
export function childrenOf(root: number): readonly number[] {
  return descendants(root)
    .map(({ pid }) => pid)
    .filter((pid) => pid !== root)
}

function descendants(root: number): readonly ProcessTimes[] {
  const all = readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? (timesOf(Number(entry)) ?? []) : []))
  const found = all.filter(({ pid }) => pid === root)
  for (let index = 0; index < found.length; index += 1) {
    const parent = found[index]?.pid
    found.push(...all.filter((other) => other.parent === parent && other.pid !== root))
  }
  return found
}

function timesOf(pid: number): ProcessTimes | null {
  const text = textOf(`/proc/${pid}/stat`)
  if (text === null) return null
  // The name in parentheses may hold blanks. Fields from 3 on: state, parent, … 14 utime, stime, cutime, cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return { pid, parent: Number(fields[1]), ticks }
}

function rssPeakMb(pid: number): number {
  const match = /^VmHWM:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/status`) ?? '')
  return match === null ? 0 : Number(match[1]) / 1024
}

/** Null: the process has ended. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
