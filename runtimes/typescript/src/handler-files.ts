// Which files below a handler root may declare handlers.

import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'

const sourceFile = /\.[cm]?[jt]s$/
const notHandlers = /\.(test|spec|config)\.[cm]?[jt]s$|\.d\.[cm]?ts$/
const notEntered = new Set(['node_modules', 'target', '__pycache__'])

/**
 * Paths relative to the root, sorted: the order of loading must not depend on the file system. Links to directories are not followed.
 * `ignore`: names of files and directories that are left out; `*` and `?` stand for any text and any character.
 */
export async function findHandlerFiles(root: string, ignore: readonly string[]): Promise<string[]> {
  const ignored = ignore.map(expressionOf)
  const files: string[] = []
  const directories = [root]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || notEntered.has(entry.name)) continue
      if (ignored.some((expression) => expression.test(entry.name))) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) directories.push(path)
      else if (isSource(entry.name) && (entry.isFile() || (await leadsToFile(path)))) files.push(relative(root, path))
    }
  }
  return files.sort()
}

function expressionOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
}

function isSource(name: string): boolean {
  return sourceFile.test(name) && !notHandlers.test(name)
}

/** Mounted volumes often show their files as links. */
async function leadsToFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
