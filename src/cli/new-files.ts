// Files that a command writes for a person: all of them or none, and never over one that is there.

import { closeSync, existsSync, lstatSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../model/host-error.ts'
import { EnvironmentError, UsageError } from './failure.ts'

export interface NewFile {
  readonly file: string
  readonly text: string
}

export interface InTheWay {
  /** Files that may not be there either, though nothing is written to them. */
  readonly others?: readonly string[]
  readonly hint: string
}

/**
 * Makes directories as needed. Throws a UsageError that names the files that are in the way, with that hint. Where a file cannot be
 * written nothing is left of the others, and a UsageError or an EnvironmentError says why.
 */
export function writeNewFiles(files: readonly NewFile[], { others = [], hint }: InTheWay): void {
  const existing = [...new Set([...files.map(({ file }) => file), ...others])].filter(exists)
  if (existing.length > 0) {
    throw new UsageError(`${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already`, hint)
  }
  const undo: (() => void)[] = []
  for (const { file, text } of files) {
    try {
      makeDirectory(dirname(file), undo)
      writeNewFile(file, text, undo)
    } catch (error) {
      for (const step of undo.toReversed()) step()
      throw notWritten(file, error)
    }
  }
}

/** What stands where a file or directory should be is the person's choice of a place; all else is the machine's. */
function notWritten(file: string, error: unknown): UsageError | EnvironmentError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = `${file} cannot be written, so nothing was: ${messageOf(error)}`
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new UsageError(message, 'Choose another place, or move away what the message names.')
  }
  return new EnvironmentError(message, placeHints[code] ?? 'Choose another place, or mend what the message names.')
}

const mayNotWrite = 'Choose a place where you may write, or have its rights changed.'
const placeIsFull = 'Free space there, or choose another place.'
const placeHints: Readonly<Record<string, string>> = {
  EACCES: mayNotWrite,
  EPERM: mayNotWrite,
  EROFS: 'The file system is read-only: choose another place, or mount it for writing.',
  ENOSPC: placeIsFull,
  EDQUOT: placeIsFull,
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
