// Finds the YAML files below a directory.
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'

const skippedDirectories = new Set(['node_modules', 'target', '__pycache__'])
const directoriesMax = 10_000

/** Paths begin with `directory` as it was given, sorted. Links are followed, each place once; hidden entries are left out. */
export function templateFiles(directory: string): string[] {
  const seen = new Set<string>()
  const files: string[] = []
  const pending = [directory]
  for (let next = pending.pop(); next !== undefined && seen.size < directoriesMax; next = pending.pop()) {
    const place = realpathSync(next)
    if (seen.has(place)) continue
    seen.add(place)
    for (const name of readdirSync(next)) {
      const path = join(next, name)
      const entry = name.startsWith('.') ? undefined : statSync(path, { throwIfNoEntry: false })
      if (entry?.isDirectory() === true && !skippedDirectories.has(name)) pending.push(path)
      if (entry?.isFile() === true && /\.ya?ml$/.test(name)) files.push(path)
    }
  }
  return files.sort()
}
