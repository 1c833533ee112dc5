// The native addon as seen from TypeScript: everything that native/src/binding.cc exports, in the same order.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HostError, messageOf } from '../../model/host-error.ts'

/** Codes of `native/include/step_handler.h`; the negative ones are the addon's own, for answers that break the ABI. */
export const abiCodes = {
  ok: 0,
  nullPointer: 1,
  badMessage: 2,
  noSuchCall: 3,
  internal: 4,
  closed: 5,
  full: 6,
  threw: -1,
  nullOutput: -2,
  outputTooLarge: -3,
} as const

/** `code` of the Error that `load` throws. */
export type LibraryErrorCode = 'LIBRARY_UNLOADABLE' | 'SYMBOL_MISSING' | 'ABI_VERSION' | 'ABI_SIZE' | 'TABLE_INVALID'

export interface HandlerHostLimits {
  readonly threads: number
  /** Calls that may wait for a thread. */
  readonly queueMax: number
  /** Threads that are replaced while they are lost in a handler that does not end. */
  readonly abandonedThreadsMax: number
  readonly answerBytesMax: number
  /** Bytes of messages from libraries that may wait for JavaScript. */
  readonly waitingBytesMax: number
  /** Where it is noted what runs, for `collectCrashes` of the next start; absent: nowhere. */
  readonly journalDirectory?: string
}

export interface LoadedLibrary {
  /** The library's number in this HandlerHost. */
  readonly library: number
  /** What `list` answered; `hello` is null unless it is `ok`. */
  readonly code: number
  readonly hello: Uint8Array | null
}

/** The first number of an entry: the answer of a call, a message of a library, or one that waits for an answer. */
export const entryKinds = { result: 0, message: 1, question: 2 } as const

/** Numbers of one entry: kind, ticket or question, code (`abiCodes`), length of its bytes. */
export const entrySize = 4

/** The bytes of all entries, one after another, and `entrySize` numbers for each. */
export type TakeEntries = (bytes: Uint8Array, index: Float64Array) => void

/** A call that was running when its process ended. */
export interface CrashNote {
  /** The signal of its own fault; 0 when the process ended otherwise. */
  readonly signal: number
  readonly library: string
  readonly callable: string
  readonly step: string
}

export interface HandlerHost {
  /** `name` is what its errors and crash notes call it. Throws an Error with a `code` of LibraryErrorCode. */
  load(path: string, name: string): LoadedLibrary
  /** False when no thread is free and the queue is full, or the host is closed. */
  execute(library: number, ticket: number, message: Uint8Array): boolean
  /** A code of `abiCodes`. */
  cancel(library: number, message: Uint8Array): number
  /** Answers a question with a `checkpointed` message; false when nobody waits for it any more. */
  answer(question: number, message: Uint8Array): boolean
  /** `unknown`: its completion is on the way. `withdrawn`: it never began. `abandoned`: its thread is left behind. */
  abandon(ticket: number): 'unknown' | 'withdrawn' | 'abandoned'
  /** Threads that are lost in a handler right now. */
  abandonedThreads(): number
  /** Waits for idle threads; a thread inside a handler ends by itself. Twice is legal. */
  close(): void
}

export interface NativeAddon {
  readonly abiVersion: number
  /** What ran in processes that are gone, once: their files are removed. */
  collectCrashes(directory: string): readonly CrashNote[]
  readonly HandlerHost: new (limits: HandlerHostLimits, take: TakeEntries) => HandlerHost
}

/** Where `bin/setup` puts the addon: below the package root, which is not the same distance from `src/` and `dist/src/`. */
export function addonPath(): string {
  return join(buildDirectory(), 'stephost_native.node')
}

/** The same libraries in a process of their own, built beside the addon. */
export function guestProgram(): string {
  return join(buildDirectory(), 'stephost_guest')
}

function buildDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json')) && directory !== dirname(directory))
    directory = dirname(directory)
  return join(directory, 'build', 'Release')
}

/** @throws HostError RUNTIME_UNAVAILABLE when the addon is not built, or not for this Node. */
export function loadAddon(path: string): NativeAddon {
  if (!existsSync(path)) {
    throw new HostError(
      'RUNTIME_UNAVAILABLE',
      `The native addon is not built, so Rust handlers cannot run: run bin/setup.`,
    )
  }
  try {
    return createRequire(import.meta.url)(path) as NativeAddon
  } catch (error) {
    const problem = `The native addon does not load (${messageOf(error)}): remove ${dirname(path)} and run bin/setup.`
    throw new HostError('RUNTIME_UNAVAILABLE', problem, { cause: error })
  }
}
