// Which files below the handler directories matter, by name: to which language a file belongs, and what no loader looks at.

import { existsSync, readdirSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { RuntimeName } from './model/handler.ts'

const runtimeByExtension: Readonly<Record<string, RuntimeName>> = {
  '.rb': 'ruby',
  '.py': 'python',
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.js': 'typescript',
  '.mjs': 'typescript',
  '.cjs': 'typescript',
  '.rs': 'rust',
  '.so': 'rust',
  '.dylib': 'rust',
}

/** null: no language is concerned. */
export function runtimeOfFile(path: string): RuntimeName | null {
  if (basename(path) === 'Cargo.toml') return 'rust'
  return runtimeByExtension[extname(path)] ?? null
}

export function isTemplateFile(path: string): boolean {
  return ['.yaml', '.yml'].includes(extname(path))
}

export type NameRule = (name: string) => boolean

const neverLoaded = new Set(['node_modules', 'target', '__pycache__'])

/** True for names that no loader enters or loads: hidden ones, those of build tools, and the given patterns (`*`, `?`). */
export function ignoredNames(patterns: readonly string[]): NameRule {
  const expressions = patterns.map(expressionOf)
  return (name) =>
    name.startsWith('.') || neverLoaded.has(name) || expressions.some((expression) => expression.test(name))
}

function expressionOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
}

/** The configured patterns, and `venv` where a handler directory holds one: its packages are no handlers. */
export function ignorePatterns(configured: readonly string[], handlerRoots: readonly string[]): readonly string[] {
  const holdsEnvironment = handlerRoots.some((root) => existsSync(join(root, 'venv', 'pyvenv.cfg')))
  return holdsEnvironment ? [...configured, 'venv'] : configured
}

/** The languages of which there are files; links to directories are not followed, as the loaders do not follow them. */
export function runtimesBelow(directories: readonly string[], isIgnored: NameRule): ReadonlySet<RuntimeName> {
  const found = new Set<RuntimeName>()
  const waiting = [...directories]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (isIgnored(entry.name)) continue
      if (entry.isDirectory()) waiting.push(join(directory, entry.name))
      const runtime = entry.name.endsWith('.d.ts') ? null : runtimeOfFile(entry.name)
      if (runtime !== null && !entry.isDirectory()) found.add(runtime)
    }
  }
  return found
}
