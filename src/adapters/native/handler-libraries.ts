// Finds what the native adapter can load: built libraries below the handler roots, and crates with their build.

import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs'
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
  readonly loadFailures: readonly LoadFailure[]
}

/** A crate whose library the host loads. */
export interface HandlerCrate {
  /** Absolute path of its Cargo.toml. */
  readonly manifest: string
  readonly root: string
  /** The manifest, relative to the root. */
  readonly file: string
}

export interface LibrarySearch {
  /** `PATH`, to say the right cure: without cargo a crate cannot be built. */
  readonly searchPath: string
}

type Finding =
  | { readonly library: HandlerLibraryFile }
  | { readonly failure: LoadFailure }
  | { readonly crate: HandlerCrate }

const libraryExtension = process.platform === 'darwin' ? '.dylib' : '.so'
/** Directories below a root that are looked into, counted from the root; links to directories are not followed. */
const depthMax = 8
const skipped = new Set(['target', 'node_modules'])

/**
 * Reads the disk without yielding: at the start, for each reload, and for each process of its own, which are rare.
 * @throws HostError HANDLERS_DIR_MISSING when a root is no directory that can be read.
 */
export function findHandlerLibraries(
  roots: readonly string[],
  search: LibrarySearch = { searchPath: process.env['PATH'] ?? '' },
): FoundLibraries {
  const findings = searchRoots(roots, search)
  const libraries = findings.flatMap((finding) => ('library' in finding ? [finding.library] : []))
  return {
    // One library may be reached twice: roots may overlap.
    libraries: [...new Map(libraries.map((library) => [library.path, library])).values()],
    loadFailures: findings.flatMap((finding) => ('failure' in finding ? [finding.failure] : [])),
  }
}

/** What `stephost build` builds. Throws as `findHandlerLibraries` does. */
export function findHandlerCrates(roots: readonly string[]): readonly HandlerCrate[] {
  const found = searchRoots(roots, { searchPath: '' }).flatMap((finding) => ('crate' in finding ? [finding.crate] : []))
  return [...new Map(found.map((crate) => [crate.manifest, crate])).values()]
}

/** Whether crates can be built on this machine. */
export function hasCargo(searchPath = process.env['PATH'] ?? ''): boolean {
  return isOnPath('cargo', searchPath)
}

function searchRoots(roots: readonly string[], search: LibrarySearch): readonly Finding[] {
  const findings: Finding[] = []
  for (const root of roots) {
    try {
      searchDirectory({ root, hasCargo: hasCargo(search.searchPath), findings }, root, 0)
    } catch (error) {
      throw new HostError('HANDLERS_DIR_MISSING', `${root} cannot be read: ${messageOf(error)}`, { cause: error })
    }
  }
  return findings
}

interface Walk {
  readonly root: string
  readonly hasCargo: boolean
  readonly findings: Finding[]
}

/** A crate is one unit: what lies below it is its own business. A workspace without a package is only a directory. */
function searchDirectory(walk: Walk, directory: string, depth: number): void {
  const entries = readdirSync(directory, { withFileTypes: true })
  if (entries.some((entry) => entry.name === 'Cargo.toml')) {
    const crate = readCrate(walk.root, join(directory, 'Cargo.toml'))
    if (crate.kind !== 'workspace') {
      walk.findings.push(...crateFindings(walk, crate))
      return
    }
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) {
      const enters = depth < depthMax && !skipped.has(entry.name) && !entry.name.startsWith('.')
      if (enters) searchDirectory(walk, path, depth + 1)
    } else if (entry.name.endsWith(libraryExtension)) {
      walk.findings.push({ library: { path: resolve(path), root: walk.root, file: relative(walk.root, path) } })
    }
  }
}

type Crate =
  | { readonly kind: 'handlers'; readonly manifest: string; readonly libraryName: string }
  | { readonly kind: 'other' | 'workspace' }
  | { readonly kind: 'broken'; readonly failure: LoadFailure }

function readCrate(root: string, manifest: string): Crate {
  try {
    const content = parse(readFileSync(manifest, 'utf8'))
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

function crateFindings(walk: Walk, crate: Crate): readonly Finding[] {
  if (crate.kind === 'broken') return [{ failure: crate.failure }]
  if (crate.kind !== 'handlers') return []
  const file = relative(walk.root, crate.manifest)
  const found = { crate: { manifest: resolve(crate.manifest), root: walk.root, file } }
  const path = builtLibrary(resolve(dirname(crate.manifest)), crate.libraryName)
  if (path !== null) return [found, { library: { path, root: walk.root, file } }]
  const directory = dirname(crate.manifest)
  const cure = walk.hasCargo
    ? 'run `stephost build`'
    : 'cargo is missing, so install stable Rust from https://rustup.rs first, then run `stephost build`'
  return [
    found,
    { failure: { runtime: 'rust', file, message: `The crate ${basename(directory)} is not built: ${cure}.` } },
  ]
}

/** Crates of one workspace, and those that `stephost build` builds, share the target directory beside its manifest, so every directory above the crate may have it. */
function builtLibrary(crateDirectory: string, libraryName: string): string | null {
  for (let directory = crateDirectory; ; directory = dirname(directory)) {
    const path = join(directory, 'target', 'release', libraryName)
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path
    if (directory === dirname(directory)) return null
  }
}

function isOnPath(program: string, searchPath: string): boolean {
  return searchPath.split(delimiter).some((directory) => directory !== '' && isExecutable(join(directory, program)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function table(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
