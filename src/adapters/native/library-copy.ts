// A path of its own for each version of a library: what is loaded stays loaded (design D6), and its file may be overwritten.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { LibraryErrorCode } from './addon.ts'

/** What the loader says of the library itself, wherever its file lies. */
const refusals: ReadonlySet<unknown> = new Set<LibraryErrorCode>([
  'SYMBOL_MISSING',
  'ABI_VERSION',
  'ABI_SIZE',
  'TABLE_INVALID',
])

/**
 * Gives `load` the path of a copy, which is removed again: the loaded code keeps the file's content, not its name.
 * Where no copy can be made or run (a full, read-only or noexec directory), it gets the library itself.
 */
export function withCopy<T>(path: string, load: (path: string) => T): T {
  let directory: string | null = null
  try {
    directory = mkdtempSync(join(tmpdir(), 'stephost-library-'))
    const copy = join(directory, basename(path))
    copyFileSync(path, copy)
    return load(copy)
  } catch (error) {
    if (error instanceof Error && 'code' in error && refusals.has(error.code)) throw error
    return load(path)
  } finally {
    if (directory !== null) rmSync(directory, { recursive: true, force: true })
  }
}
