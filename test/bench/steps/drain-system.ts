// What a drain needs of a system: jobs that wait, a process that works them off, and what the database must show afterwards.
import type { Measures } from './measures.ts'

export interface OpenedSystem {
  /** Roots of the process trees that work. */
  readonly pids: readonly number[]
  /** Version and settings, as the process itself names them. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Lets the warm process begin. */
  go(): Promise<void>
  /** Resolves when the last result is durable, or has waited long enough; with how many are missing. */
  done(): Promise<number>
  /** What the processes themselves counted; asked when none is missing. */
  counted?(): Promise<Measures>
  /** Ends the processes; resolves with how often handlers ran, where the processes know it. */
  close(): Promise<number | null>
}

export interface DrainSystem {
  readonly name: string
  /** Systems with the same start from clones of one database. */
  readonly preloadKey: string
  /** Of the size of the cell: slow systems need fewer jobs for the same certainty. */
  readonly share: number
  /** The system of ours that this one, of a peer, stands beside. */
  readonly beside?: string
  preload(url: string, count: number): Promise<void>
  open(url: string, count: number): Promise<OpenedSystem>
  /** What is wrong, one sentence each; empty when each job has exactly one result and ran once. */
  offences(url: string, count: number, handled: number | null): Promise<readonly string[]>
  /** Drops one result, so that the self-test can see the refusal. */
  dropOneResult(url: string): Promise<void>
}
