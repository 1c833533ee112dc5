// The server process: how it is started, found again after its host died, and stopped.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Account, commandAs } from './account.ts'

export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** It accepts connections. */
  readonly ready: boolean
}

export const pollMs = 20
const loopback = '127.0.0.1'

/** Nothing of the host's environment: PGPORT and its kin would steer the server, secrets are not its business. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

/** The server that runs on `cluster`; null when none does, also when its lock file names a process that is another by now. */
export async function findPostmaster(cluster: string): Promise<Postmaster | null> {
  const text = await readFile(lockFileOf(cluster), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0 || !(await isPostmaster(pid, cluster))) return null
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
}

function lockFileOf(cluster: string): string {
  return join(cluster, 'postmaster.pid')
}

/**
 * PostgreSQL clears a dead server's lock file by itself, but takes any process that was given its id since, as happens when a
 * container starts again, for the server. Only such a file is removed, and put back when it turns out to be a rival's fresh one.
 */
export async function removeStaleLockFile(cluster: string): Promise<void> {
  const file = lockFileOf(cluster)
  const judged = await readFile(file, 'utf8').catch(() => null)
  if (judged === null || (await findPostmaster(cluster)) !== null) return
  const aside = `${file}.${process.pid}`
  await rename(file, aside).catch(() => {})
  if ((await readFile(aside, 'utf8').catch(() => judged)) !== judged) await link(aside, file).catch(() => {})
  await rm(aside, { force: true })
}

/** A process id is reused, and a dead child that nobody collected keeps its own; the command line tells both apart. */
async function isPostmaster(pid: number, cluster: string): Promise<boolean> {
  const own = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
  if (own !== null) return own.split('\0').includes(cluster)
  if (process.platform === 'linux') return false
  const { execa } = await import('execa')
  const listed = await execa('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { reject: false })
  return listed.exitCode === 0 && listed.stdout.includes(cluster)
}

/**
 * Starts a server on a port of the loopback address. It is a session of its own: Ctrl-C at the terminal is the host's to
 * handle, and the host needs the server to finish its work.
 */
export async function spawnPostmaster(options: {
  account: Account
  postgres: string
  cluster: string
  logFile: string
  port: number
  settings: Readonly<Record<string, string>>
}): Promise<ChildProcess> {
  const settings = {
    listen_addresses: loopback,
    port: String(options.port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  }
  const args = ['-D', options.cluster, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
  const command = commandAs(options.account, options.postgres, args)
  const log = await open(options.logFile, 'a', 0o600)
  try {
    const child = spawn(command.file, command.args, {
      ...options.account.identity,
      cwd: '/',
      env: serverEnvironment(),
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    })
    // A program that cannot be started is seen as a child without a process id.
    child.on('error', () => {})
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

/** A port that is free now. Another process may take it before the server does; then the next attempt takes another. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Fast shutdown: transactions are rolled back, everything is written. After `timeoutMs` the server stops at once and recovers later. */
export async function stopPostmaster(cluster: string, timeoutMs: number): Promise<void> {
  const running = await findPostmaster(cluster)
  if (running === null) return
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(running.pid, signal)
    } catch {
      // It ended in between; the loop below sees it.
    }
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline) {
      if (!(await isPostmaster(running.pid, cluster))) return
      await delay(pollMs)
    }
  }
}
