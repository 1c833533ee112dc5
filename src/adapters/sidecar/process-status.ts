// What the kernel says about a process: its memory, its CPU time, and whether the machine ran out of memory. Linux; null elsewhere.

import { readFileSync } from 'node:fs'

const pageBytes = 4096

/** Resident memory in bytes; null when the process is gone or /proc is not there. */
export function rssBytes(pid: number): number | null {
  const pages = readProc(`${pid}/statm`)?.split(' ')[1]
  return pages === undefined ? null : Number(pages) * pageBytes
}

/** CPU time of the process in clock ticks: it advances while the process computes. */
export function cpuTicks(pid: number): number | null {
  const stat = readProc(`${pid}/stat`)
  if (stat === null) return null
  // The program's name stands in parentheses and may hold anything, so the fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** How many processes the kernel has killed for want of memory, on this machine, since it started. */
export function oomKills(): number | null {
  const count = /^oom_kill (\d+)$/m.exec(readProc('vmstat') ?? '')?.[1]
  return count === undefined ? null : Number(count)
}

function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return null
  }
}
