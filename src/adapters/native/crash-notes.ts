// What the last worker was running in its libraries when it ended without stopping, told at the next start.

import { mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import { basename } from 'node:path'
import type { CrashNote, NativeAddon } from './addon.ts'

const cure = 'with runtimes.rust.isolation = "process" a crash costs one child process instead of the worker'
/** A worker that was killed had perhaps dozens of calls; none of them is to blame more than another. */
const namedMax = 3

/** Null where nothing can be kept there; then nothing is noted. */
export function journalDirectory(wanted: string | null): string | null {
  if (wanted === null) return null
  try {
    mkdirSync(wanted, { recursive: true })
    return wanted
  } catch {
    return null
  }
}

/** One sentence for each crash, with library, callable and step; the notes are taken away. */
export function crashSentences(addon: NativeAddon, directory: string): readonly string[] {
  const notes = addon.collectCrashes(directory)
  const crashes = notes.filter(({ signal }) => signal !== 0)
  if (crashes.length > 0) {
    return crashes.map((note) => `The last worker crashed (${signalName(note.signal)}) in ${place(note)}; ${cure}.`)
  }
  if (notes.length === 0) return []
  const named = notes.slice(0, namedMax).map(place).join(', ')
  const more = notes.length > namedMax ? ` and ${notes.length - namedMax} more` : ''
  return [`The last worker ended without stopping while it ran ${named}${more}; if nobody killed it: ${cure}.`]
}

function place({ callable, library, step }: CrashNote): string {
  return `${callable} of ${basename(library)} (step ${step})`
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`
}
