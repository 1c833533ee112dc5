// Files that a command writes for a person: all of them or none, and never over one that is there.

import { closeSync, existsSync, lstatSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../model/host-error.ts'
import { UsageError } from './failure.ts'

export interface NewFile {
  readonly file: string
  readonly text: string
}

/**
 * Makes directories as needed. Throws a UsageError that names the files that exist already, with that hint, or the one that cannot be
 * written and why; then nothing is left of the others.
 */
export function writeNewFiles(files: readonly NewFile[], existsHint: string): void {
  const existing = files.map(({ file }) => file).filter(exists)
  if (existing.length > 0) {
    throw new UsageError(`${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already`, existsHint)
  }
  const undo: (() => void)[] = []
  for (const { file, text } of files) {
    try {
      makeDirectory(dirname(file), undo)
      writeNewFile(file, text, undo)
    } catch (error) {
      for (const step of undo.toReversed()) step()
      throw new UsageError(
        `${file} cannot be written, so nothing was: ${messageOf(error)}`,
        'Choose another place, or mend what the message names.',
      )
    }
  }
}

/** A link counts, wherever it leads. */
function exists(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined
  } catch {
    // A file where a directory should be, or one that may not be looked into: the attempt to write says which.
    return false
  }
}

function makeDirectory(directory: string, undo: (() => void)[]): void {
  if (existsSync(directory)) return
  makeDirectory(dirname(directory), undo)
  mkdirSync(directory)
  undo.push(() => attempt(() => rmdirSync(directory)))
}

function writeNewFile(file: string, text: string, undo: (() => void)[]): void {
  const descriptor = openSync(file, 'wx')
  undo.push(() => attempt(() => unlinkSync(file)))
  try {
    writeFileSync(descriptor, text)
  } finally {
    closeSync(descriptor)
  }
}

/** What cannot be taken back, such as a directory that somebody else uses by now, stays. */
function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // The failure that led here is the one to tell.
  }
}
