// A real PostgreSQL server of the host's own, for machines that have none (design D10).
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { Lifecycle } from '../../model/lifecycle.ts'
import { type Account, assertReachable, chooseAccount } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { clusterExists, createCluster, superuser } from './cluster.ts'
import { findPostmaster, freePort, pollMs, removeStaleLockFile, spawnPostmaster, stopPostmaster } from './postmaster.ts'
import { ServerLease } from './server-lease.ts'
import { logSize, logTail, openStateDirectory, type StateDirectory } from './state-directory.ts'

export interface EmbeddedPostgresOptions {
  /** Holds cluster, password and log; made when it is missing. */
  readonly dataDir: string
  /** From nothing to ready, recovery after a crash included. Default 60 s. */
  readonly startTimeoutMs?: number
  /** Server settings of the caller's; tests turn off durability with them. */
  readonly settings?: Readonly<Record<string, string>>
  /** As root, false takes an unprivileged account although the kernel has user namespaces. Default true. */
  readonly userNamespaces?: boolean
  readonly log?: (line: string) => void
}

const databaseName = 'stephost'
const startTimeoutDefaultMs = 60_000
const stopTimeoutMs = 20_000
/** What a server that could not start says when another attempt can succeed: a port taken meanwhile, a rival, a dying predecessor. */
const passing = /address already in use|could not bind|lock file .* already exists|pre-existing shared memory/i

export class EmbeddedPostgres implements Lifecycle {
  readonly #options: EmbeddedPostgresOptions
  #running: { readonly state: StateDirectory; readonly lease: ServerLease } | null = null

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options
  }

  /** With the password; only for `Database`, never for a log. Throws before the server is ready. */
  get url(): string {
    if (this.#running === null) throw this.#failure('The embedded PostgreSQL is not running')
    return urlOf(this.#running.state, this.#running.lease.port, databaseName)
  }

  /**
   * Makes the cluster on first use and starts the server, or adopts the one that still runs there: its host may have been
   * killed, or may be another live one. Rejects with EMBEDDED_POSTGRES_MISSING or EMBEDDED_POSTGRES_FAILED.
   */
  async start(): Promise<void> {
    if (this.#running !== null) return
    const deadline = performance.now() + (this.#options.startTimeoutMs ?? startTimeoutDefaultMs)
    const found = await findBinaries()
    const state = await openStateDirectory(this.#options.dataDir)
    const userNamespaces = this.#options.userNamespaces ?? true
    const { account, binaries } = await chooseAccount({ binaries: found, cluster: state.cluster, userNamespaces })
    try {
      if (!(await clusterExists(state))) {
        this.#log(`Making a database cluster in ${state.root}`)
        const timeoutMs = Math.max(1, deadline - performance.now())
        await createCluster({ state, account, binaries, timeoutMs, sync: this.#options.settings?.['fsync'] !== 'off' })
      }
      await assertReachable(account, state.cluster)
      const lease = await this.#startOrAdopt({ state, account, binaries, deadline })
      this.#running = { state, lease }
      await lease.ensureDatabase(databaseName)
      this.#log(`PostgreSQL is ready on 127.0.0.1:${lease.port}`)
    } catch (error) {
      await this.stop()
      throw isHostError(error) ? error : this.#failure(messageOf(error), error)
    }
  }

  /** Stops the server with a fast shutdown, unless another live host uses it: the last one stops it. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = null
    if (running === null) return
    const stopServer = () => stopPostmaster(running.state.cluster, stopTimeoutMs)
    // When the lease's connection was lost, a new one says whether others use the server.
    await running.lease.release(stopServer).catch(async () => {
      const lease = await this.#join(running.state, stopTimeoutMs).catch(() => null)
      await lease?.release(stopServer).catch(() => {})
    })
  }

  async #startOrAdopt(place: Place): Promise<ServerLease> {
    const { state, deadline } = place
    let lastError = 'it did not become ready in time'
    let spawned = false
    while (performance.now() < deadline) {
      try {
        const lease = await this.#join(state, Math.max(1, deadline - performance.now()))
        if (lease !== null) return lease
      } catch (error) {
        lastError = messageOf(error)
      }
      if ((await findPostmaster(state.cluster)) === null) {
        const refusal = await this.#spawn(place)
        spawned = refusal === null
        lastError = refusal ?? lastError
      } else await delay(pollMs)
    }
    if (spawned) await stopPostmaster(state.cluster, stopTimeoutMs)
    throw this.#failure(`PostgreSQL did not start: ${lastError}. Its log: ${state.logFile}`)
  }

  /** null: no server is ready, or its last user is stopping it. */
  async #join(state: StateDirectory, timeoutMs: number): Promise<ServerLease | null> {
    const found = await findPostmaster(state.cluster)
    if (!found?.ready) return null
    return ServerLease.take({ url: urlOf(state, found.port, superuser), port: found.port, timeoutMs })
  }

  /**
   * Starts a server and waits until it is ready or gone. Resolves with what it said when another attempt can help, null
   * when it is ready; rejects with EMBEDDED_POSTGRES_FAILED when it cannot.
   */
  async #spawn({ state, account, binaries, deadline }: Place): Promise<string | null> {
    const logFrom = await logSize(state.logFile)
    await removeStaleLockFile(state.cluster)
    const settings = this.#options.settings ?? {}
    const { cluster, logFile } = state
    const child = await spawnPostmaster({
      account,
      postgres: binaries.postgres,
      cluster,
      logFile,
      port: await freePort(),
      settings,
    })
    while (performance.now() < deadline && isAlive(child)) {
      if ((await findPostmaster(cluster))?.ready) return null
      await delay(pollMs)
    }
    if (isAlive(child)) {
      child.kill('SIGQUIT')
      await once(child, 'exit')
    }
    const said = await logTail(logFile, logFrom)
    if (passing.test(said)) return said
    throw this.#failure(`PostgreSQL did not start. The last lines of ${logFile}:\n${said}`)
  }

  #failure(message: string, cause?: unknown): HostError {
    return new HostError('EMBEDDED_POSTGRES_FAILED', message, { cause })
  }

  #log(line: string): void {
    this.#options.log?.(line)
  }
}

interface Place {
  readonly state: StateDirectory
  readonly account: Account
  readonly binaries: Binaries
  /** Of the monotonic clock. */
  readonly deadline: number
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function urlOf(state: StateDirectory, port: number, database: string): string {
  return `postgresql://${superuser}:${state.password}@127.0.0.1:${port}/${database}`
}
