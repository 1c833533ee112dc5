// Makes a database cluster with initdb, complete or not at all.
import { chown, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError } from '../../model/host-error.ts'
import { type Account, assertReachable, commandAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment } from './postmaster.ts'
import type { StateDirectory } from './state-directory.ts'

export const superuser = 'postgres'

export async function clusterExists(state: StateDirectory): Promise<boolean> {
  return (await stat(join(state.cluster, 'PG_VERSION')).catch(() => null)) !== null
}

/**
 * Runs initdb in a directory of its own and renames it when it is complete: a host that dies half way leaves no half cluster,
 * and of two hosts at once one wins. Rejects with EMBEDDED_POSTGRES_FAILED.
 */
export async function createCluster(options: {
  state: StateDirectory
  account: Account
  binaries: Binaries
  timeoutMs: number
  sync: boolean
}): Promise<void> {
  const { state, account } = options
  const workshop = await mkdtemp(join(state.root, 'initdb-'))
  try {
    await chown(workshop, account.owner.uid, account.owner.gid)
    await assertReachable(account, workshop)
    const passwordFile = join(workshop, 'password')
    await writeFile(passwordFile, state.password, { mode: 0o600 })
    await chown(passwordFile, account.owner.uid, account.owner.gid)
    const made = join(workshop, 'cluster')
    await mkdir(made, { mode: 0o700 })
    await chown(made, account.owner.uid, account.owner.gid)
    await runInitdb({ ...options, made, passwordFile })
    await rename(made, state.cluster).catch(async (error) => {
      if (!(await clusterExists(state))) throw error
    })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

async function runInitdb(options: {
  account: Account
  binaries: Binaries
  timeoutMs: number
  sync: boolean
  made: string
  passwordFile: string
}): Promise<void> {
  const args = ['--pgdata', options.made, '--username', superuser, '--pwfile', options.passwordFile]
  args.push('--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale-provider', 'builtin')
  // The builtin locale sorts alike on every machine and needs no locale to be installed.
  args.push('--builtin-locale', 'C.UTF-8', '--locale', 'C', '--no-instructions')
  if (!options.sync) args.push('--no-sync')
  const command = commandAs(options.account, options.binaries.initdb, args)
  const { execa } = await import('execa')
  const run = await execa(command.file, command.args, {
    ...options.account.identity,
    cwd: '/',
    env: serverEnvironment(),
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: options.timeoutMs,
  })
  if (run.exitCode === 0) return
  const said = run.timedOut ? `initdb took longer than ${options.timeoutMs} ms` : `initdb failed: ${run.all.trim()}`
  throw new HostError('EMBEDDED_POSTGRES_FAILED', said, { cause: run })
}
