// As whom PostgreSQL runs: it refuses root, so root steps into a user namespace or, without one, becomes somebody else.
import { readFile, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { HostError } from '../../model/host-error.ts'
import { type Binaries, copyForOtherAccounts } from './binaries.ts'

export interface Account {
  /** For messages. */
  readonly name: string
  /** Goes before the program: empty, or the way into a namespace. */
  readonly prefix: readonly string[]
  /** The owner that the cluster's directory must have. */
  readonly owner: { readonly uid: number; readonly gid: number }
  /** For `spawn`: empty, or the account to become. */
  readonly identity: { readonly uid?: number; readonly gid?: number }
}

export interface AccountOptions {
  readonly binaries: Binaries
  /** The cluster's directory when it exists: its owner decides. */
  readonly cluster: string
  /** False: never a user namespace, also where the kernel has them. */
  readonly userNamespaces: boolean
}

interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

const probeTimeoutMs = 10_000

/** Resolves with the account and with the programs as that account reaches them. Rejects with EMBEDDED_POSTGRES_FAILED. */
export async function chooseAccount(options: AccountOptions): Promise<{ account: Account; binaries: Binaries }> {
  const { binaries } = options
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  if (process.platform === 'win32' || (self.uid !== 0 && isKnownUser())) {
    return { account: { name: 'this user', prefix: [], owner: self, identity: {} }, binaries }
  }
  const entries = await readPasswd()
  const clusterOwner = await stat(options.cluster).catch(() => null)
  if (options.userNamespaces && (clusterOwner === null || clusterOwner.uid === self.uid)) {
    const inside = entries.find(({ name }) => name === 'nobody') ?? entries.find(({ uid }) => uid !== 0)
    if (inside !== undefined) {
      const prefix = ['unshare', '--user', `--map-user=${inside.uid}`, `--map-group=${inside.gid}`, '--']
      const account = { name: 'this user in a namespace', prefix, owner: self, identity: {} }
      if (await canRun(account, binaries.postgres, ['--version'])) return { account, binaries }
    }
  }
  if (self.uid !== 0) {
    throw new HostError(
      'EMBEDDED_POSTGRES_FAILED',
      `PostgreSQL needs a user name, and user id ${self.uid} has none here`,
    )
  }
  const account = unprivilegedAccount(entries, clusterOwner)
  if (await canRun(account, binaries.postgres, ['--version'])) return { account, binaries }
  return { account, binaries: await copyForOtherAccounts(binaries) }
}

/**
 * Rejects when the account cannot work in `directory`, naming the directory that is closed to it. The rights of a user's
 * directories are the user's choice and stay as they are.
 */
export async function assertReachable(account: Account, directory: string): Promise<void> {
  if (await isAllowed(account, '[ -w "$1" ] && [ -x "$1" ]', directory)) return
  let closed = directory
  while (dirname(closed) !== closed && !(await isAllowed(account, '[ -x "$1" ]', dirname(closed))))
    closed = dirname(closed)
  const reason = `PostgreSQL does not run as root, and as ${account.name} it cannot enter ${closed}, where or below which its data would be`
  const waysOut =
    'name another directory with --data-dir, for example /var/lib/stephost/data, or set DATABASE_URL to a server of your own'
  throw new HostError('EMBEDDED_POSTGRES_FAILED', `${reason}: ${waysOut}`)
}

/** By what the shell has built in: a program `test` on the PATH may be anybody's, such as ours. */
function isAllowed(account: Account, condition: string, directory: string): Promise<boolean> {
  return canRun(account, 'sh', ['-c', condition, 'sh', directory])
}

/** The owner of an existing cluster, else the customary account of PostgreSQL, else nobody. */
function unprivilegedAccount(
  entries: readonly PasswdEntry[],
  clusterOwner: { uid: number; gid: number } | null,
): Account {
  const owner =
    clusterOwner !== null && clusterOwner.uid !== 0
      ? { uid: clusterOwner.uid, gid: clusterOwner.gid }
      : (entries.find(({ name }) => name === 'postgres') ?? entries.find(({ name }) => name === 'nobody'))
  if (owner === undefined) {
    const message =
      'PostgreSQL does not run as root, and there is neither a user namespace nor an account postgres or nobody'
    throw new HostError('EMBEDDED_POSTGRES_FAILED', message)
  }
  const { uid, gid } = owner
  const name = entries.find((entry) => entry.uid === uid)?.name
  return {
    name: name === undefined ? `user id ${uid}` : `user ${name}`,
    prefix: [],
    owner: { uid, gid },
    identity: { uid, gid },
  }
}

/** The command line and the spawn options that run `program` as the account. */
export function commandAs(
  account: Account,
  program: string,
  args: readonly string[],
): { file: string; args: string[] } {
  const [file = program, ...rest] = [...account.prefix, program, ...args]
  return { file, args: rest }
}

async function canRun(account: Account, program: string, args: readonly string[]): Promise<boolean> {
  const command = commandAs(account, program, args)
  const options = { ...account.identity, cwd: '/', timeout: probeTimeoutMs, stdin: 'ignore', reject: false } as const
  const { execa } = await import('execa')
  return (await execa(command.file, command.args, options)).exitCode === 0
}

/** initdb asks for the name of its user; a container may run under a number that has none. */
function isKnownUser(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

async function readPasswd(): Promise<PasswdEntry[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}
