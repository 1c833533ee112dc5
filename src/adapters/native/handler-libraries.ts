// Finds what the native adapter can load: built libraries below the handler roots, and crates with their build.

import { access, constants, readdir, readFile, stat } from 'node:fs/promises'
import { basename, delimiter, dirname, join, relative, resolve } from 'node:path'
import { parse } from 'smol-toml'
import type { LoadFailure } from '../../model/handler.ts'
import { HostError, messageOf } from '../../model/host-error.ts'

export interface HandlerLibraryFile {
  /** The built library. */
  readonly path: string
  /** The handler root it belongs to. */
  readonly root: string
  /** What the author knows it as, relative to the root: the library itself, or the crate's manifest. */
  readonly file: string
}

export interface FoundLibraries {
  readonly libraries: readonly HandlerLibraryFile[]
  /** Crates that cannot be read or are not built, each with the cure. */
  readonly failures: readonly LoadFailure[]
}

export interface LibrarySearch {
  /** `PATH`, to say the right cure: without cargo a crate cannot be built. */
  readonly searchPath: string
}

type Finding = { readonly library: HandlerLibraryFile } | { readonly failure: LoadFailure }

const libraryExtension = process.platform === 'darwin' ? '.dylib' : '.so'
/** Directories below a root that are looked into, counted from the root; a link in a circle ends there. */
const depthMax = 8
const skipped = new Set(['target', 'node_modules'])

/** @throws HostError HANDLERS_DIR_MISSING when a root is no directory that can be read. */
export async function findHandlerLibraries(
  roots: readonly string[],
  search: LibrarySearch = { searchPath: process.env['PATH'] ?? '' },
): Promise<FoundLibraries> {
  const hasCargo = await isOnPath('cargo', search.searchPath)
  const findings: Finding[] = []
  for (const root of roots) {
    try {
      await searchDirectory({ root, hasCargo, findings }, root, 0)
    } catch (error) {
      throw new HostError('HANDLERS_DIR_MISSING', `${root} cannot be read: ${messageOf(error)}`, { cause: error })
    }
  }
  const libraries = findings.flatMap((finding) => ('library' in finding ? [finding.library] : []))
  return {
    // One library may be reached twice: roots may overlap.
    libraries: [...new Map(libraries.map((library) => [library.path, library])).values()],
    failures: findings.flatMap((finding) => ('failure' in finding ? [finding.failure] : [])),
  }
}

interface Walk {
  readonly root: string
  readonly hasCargo: boolean
  readonly findings: Finding[]
}

/** A crate is one unit: what lies below it is its own business. A workspace without a package is only a directory. */
async function searchDirectory(walk: Walk, directory: string, depth: number): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true })
  if (entries.some((entry) => entry.name === 'Cargo.toml')) {
    const crate = await readCrate(walk.root, join(directory, 'Cargo.toml'))
    if (crate.kind !== 'workspace') {
      walk.findings.push(...(await crateFindings(walk, crate)))
      return
    }
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) {
      const enters = depth < depthMax && !skipped.has(entry.name) && !entry.name.startsWith('.')
      if (enters) await searchDirectory(walk, path, depth + 1)
    } else if (entry.name.endsWith(libraryExtension)) {
      walk.findings.push({ library: { path: resolve(path), root: walk.root, file: relative(walk.root, path) } })
    }
  }
}

type Crate =
  | { readonly kind: 'handlers'; readonly manifest: string; readonly libraryName: string }
  | { readonly kind: 'other' | 'workspace' }
  | { readonly kind: 'broken'; readonly failure: LoadFailure }

async function readCrate(root: string, manifest: string): Promise<Crate> {
  try {
    const content = parse(await readFile(manifest, 'utf8'))
    const [crate, library] = [table(content['package']), table(content['lib'])]
    const name = library['name'] ?? crate['name']
    if (content['package'] === undefined) return { kind: 'workspace' }
    const types = library['crate-type']
    if (typeof name !== 'string' || !Array.isArray(types) || !types.includes('cdylib')) return { kind: 'other' }
    return { kind: 'handlers', manifest, libraryName: `lib${name.replaceAll('-', '_')}${libraryExtension}` }
  } catch (error) {
    const failure = { runtime: 'rust', file: relative(root, manifest), message: messageOf(error) } as const
    return { kind: 'broken', failure }
  }
}

async function crateFindings(walk: Walk, crate: Crate): Promise<readonly Finding[]> {
  if (crate.kind === 'broken') return [{ failure: crate.failure }]
  if (crate.kind !== 'handlers') return []
  const file = relative(walk.root, crate.manifest)
  const path = await builtLibrary(resolve(dirname(crate.manifest)), crate.libraryName)
  if (path !== null) return [{ library: { path, root: walk.root, file } }]
  const directory = dirname(crate.manifest)
  const cure = walk.hasCargo
    ? `run bin/setup, or \`cargo build --release\` in ${directory}`
    : 'cargo is missing, so install stable Rust from https://rustup.rs first, then run bin/setup'
  return [{ failure: { runtime: 'rust', file, message: `The crate ${basename(directory)} is not built: ${cure}.` } }]
}

/** Crates of one workspace share the target directory beside its manifest, so every directory above the crate may have it. */
async function builtLibrary(crateDirectory: string, libraryName: string): Promise<string | null> {
  for (let directory = crateDirectory; ; directory = dirname(directory)) {
    const path = join(directory, 'target', 'release', libraryName)
    const found = await stat(path).catch(() => null)
    if (found?.isFile() === true) return path
    if (directory === dirname(directory)) return null
  }
}

async function isOnPath(program: string, searchPath: string): Promise<boolean> {
  for (const directory of searchPath.split(delimiter).filter((entry) => entry !== '')) {
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return true
  }
  return false
}

function table(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
