// Which files below a handler root may declare handlers.

import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'

const sourceFile = /\.[cm]?[jt]s$/
const notHandlers = /\.(test|spec|config)\.[cm]?[jt]s$|\.d\.[cm]?ts$/
const notEntered = new Set(['node_modules', 'target', '__pycache__'])

/** Paths relative to the root, sorted: the order of loading must not depend on the file system. Links to directories are not followed. */
export async function findHandlerFiles(root: string): Promise<string[]> {
  const files: string[] = []
  const directories = [root]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || notEntered.has(entry.name)) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) directories.push(path)
      else if (isSource(entry.name) && (entry.isFile() || (await leadsToFile(path)))) files.push(relative(root, path))
    }
  }
  return files.sort()
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
