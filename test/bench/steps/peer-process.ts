// A peer's own process: how it is started, begins to work and ends; each is a script of test/bench/peers, a package of its own.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LineProcess } from './line-process.ts'
import { type Peer, peersDirectory } from './peers.ts'
import { inherited } from './worker-process.ts'

const startTimeoutMs = 60_000
const preloadTimeoutMs = 600_000
const dieTimeoutMs = 5_000
const stopTimeoutMs = 60_000

export function peersInstalled(): boolean {
  return existsSync(join(peersDirectory, 'node_modules'))
}

function start(peer: Peer, args: readonly string[]): LineProcess {
  const script = join(peersDirectory, `${peer.script}.mjs`)
  return new LineProcess({ command: process.execPath, args: [script, ...args, peer.mode], env: inherited() })
}

/** Makes the schema and `count` jobs that do nothing. */
export async function preloadPeer(peer: Peer, url: string, count: number): Promise<void> {
  const child = start(peer, ['preload', url, String(count)])
  try {
    await child.line('preloaded', preloadTimeoutMs)
  } finally {
    await child.stop(null)
  }
}

export class PeerProcess {
  readonly child: LineProcess
  /** Version and settings, as the process itself names them. */
  readonly facts: Readonly<Record<string, unknown>>

  private constructor(child: LineProcess, facts: PeerProcess['facts']) {
    this.child = child
    this.facts = facts
  }

  /** Resolves when it is warm; it works from `go` on. `count`: how many jobs it may expect. */
  static async start(peer: Peer, url: string, count: number): Promise<PeerProcess> {
    const child = start(peer, ['run', url, String(count)])
    const { version, settings } = await child.line('ready', startTimeoutMs).catch(async (error) => {
      await child.stop('SIGKILL')
      throw error
    })
    return new PeerProcess(child, { version, settings })
  }

  go(): void {
    this.child.order('go')
  }

  async working(): Promise<void> {
    await this.child.line('working', startTimeoutMs)
  }

  /** Resolves when its handlers have run for all jobs. */
  async handledAll(timeoutMs: number): Promise<void> {
    await this.child.line('handled', timeoutMs)
  }

  /**
   * Killed in the middle of a job, since between two batches a peer may hold none. Resolves once it is dead; false: no job came, so it was
   * killed between two.
   */
  async die(): Promise<boolean> {
    this.child.order('die')
    if (await this.child.exited(dieTimeoutMs)) return true
    await this.child.stop('SIGKILL')
    return false
  }

  /** Resolves with how often its handlers ran, once it has ended; null where it does not say. Rejects, having killed it, when it does not stop. */
  async stop(): Promise<number | null> {
    this.child.order('stop')
    const { handled } = await this.child.line('stopped', stopTimeoutMs).catch(async (error) => {
      await this.child.stop('SIGKILL')
      throw error
    })
    await this.child.stop(null)
    return typeof handled === 'number' ? handled : null
  }
}
