// The directory that holds an embedded server: its cluster, its password and its log.
import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { HostError, messageOf } from '../../model/host-error.ts'

export interface StateDirectory {
  readonly root: string
  /** PostgreSQL's own data directory. */
  readonly cluster: string
  readonly logFile: string
  readonly password: string
}

const logBytesMax = 10 * 1024 * 1024
const tailBytes = 8_192
const tailLines = 15

/** Makes what is missing. Rejects with EMBEDDED_POSTGRES_FAILED when the directory cannot be used. */
export async function openStateDirectory(dataDir: string): Promise<StateDirectory> {
  const root = resolve(dataDir)
  const logFile = join(root, 'postgres.log')
  try {
    await mkdir(root, { recursive: true, mode: 0o755 })
    const password = await passwordIn(root)
    await startLogAnew(logFile)
    return { root, cluster: join(root, 'cluster'), logFile, password }
  } catch (error) {
    throw new HostError('EMBEDDED_POSTGRES_FAILED', `The data directory ${root} cannot be used: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Linked into place when written: of two hosts that start at once, both read the password of the first. */
async function passwordIn(root: string): Promise<string> {
  const file = join(root, 'password')
  // Two hosts may be in one process.
  const draft = `${file}.${randomUUID()}`
  if ((await stat(file).catch(() => null)) === null) {
    if ((await stat(join(root, 'cluster')).catch(() => null)) !== null) {
      throw new Error('its file "password" is missing; put it back, or move the directory away for a new database')
    }
    await writeFile(draft, randomBytes(24).toString('hex'), { mode: 0o600 })
    try {
      await link(draft, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      await rm(draft, { force: true })
    }
  }
  return (await readFile(file, 'utf8')).trim()
}

/** The log is bounded: one old file is kept. A server that still runs goes on writing to the old one. */
async function startLogAnew(logFile: string): Promise<void> {
  const size = (await stat(logFile).catch(() => null))?.size ?? 0
  if (size > logBytesMax) await rename(logFile, `${logFile}.1`)
}

export async function logSize(logFile: string): Promise<number> {
  return (await stat(logFile).catch(() => null))?.size ?? 0
}

/** The last lines of what was written after `fromByte`. */
export async function logTail(logFile: string, fromByte: number): Promise<string> {
  const handle = await open(logFile, 'r').catch(() => null)
  if (handle === null) return ''
  try {
    const { size } = await handle.stat()
    const start = Math.max(fromByte, size - tailBytes)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - start)), 0, null, start)
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-tailLines).join('\n')
  } finally {
    await handle.close()
  }
}
