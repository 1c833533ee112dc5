// One version of the handler files: its threads, its bundles, and the calls that run there until they end.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostError } from '../../model/host-error.ts'
import type { HelloMessage } from '../../protocol/messages.ts'
import type { ThreadOptions } from './handler-thread.ts'
import { threadEntry } from './thread-entry.ts'
import { ThreadPool } from './thread-pool.ts'
import { type SlotEvents, ThreadSlot } from './thread-slot.ts'

export interface ThreadGenerationOptions {
  readonly threads: number
  readonly inFlightMaxPerThread: number
  readonly thread: Omit<ThreadOptions, 'entry' | 'bundleDirectory' | 'inFlightMax'>
}

export class ThreadGeneration {
  readonly pool: ThreadPool
  readonly #slots: readonly ThreadSlot[]
  readonly #directory: string

  private constructor(directory: string, slots: readonly ThreadSlot[], inFlightMaxPerThread: number) {
    this.#directory = directory
    this.#slots = slots
    this.pool = new ThreadPool(slots, { inFlightMaxPerThread })
  }

  /** Its files get a directory of their own, so that no version can see the bundles of another. */
  static async open(options: ThreadGenerationOptions, events: SlotEvents): Promise<ThreadGeneration> {
    const { threads, inFlightMaxPerThread } = options
    const directory = await mkdtemp(join(tmpdir(), 'stephost-typescript-'))
    const entry = await threadEntry(directory)
    const thread = { ...options.thread, entry, bundleDirectory: directory, inFlightMax: inFlightMaxPerThread }
    const slots = Array.from({ length: threads }, () => new ThreadSlot(thread, events))
    return new ThreadGeneration(directory, slots, inFlightMaxPerThread)
  }

  /** Resolves with the hello of its first thread when all are warm; rejects with a HostError. */
  async start(): Promise<HelloMessage> {
    const [hello] = await Promise.all(this.#slots.map((slot) => slot.start()))
    if (hello === undefined) throw new HostError('CONFIG_INVALID', 'The TypeScript runtime needs at least one thread.')
    return hello
  }

  /** It gets no further calls: resolves when those it has are over and nothing of it is left. */
  async retire(): Promise<void> {
    await this.pool.idle()
    await this.stop()
  }

  /** Calls that are still running settle as `handler_lost`, those that have not started reject. */
  async stop(): Promise<void> {
    this.pool.close(new HostError('ADAPTER_STOPPED', 'The TypeScript runtime is not running.'))
    await Promise.all(this.#slots.map((slot) => slot.stop()))
    // What stays behind in a temporary directory is no reason to fail a stop.
    await rm(this.#directory, { recursive: true, force: true }).catch(() => undefined)
  }
}
