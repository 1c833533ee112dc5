// Loads the vectors of proto/wire/vectors; their README says what each file holds.

import { readFileSync } from 'node:fs'

/** A long run that a vector abbreviates. */
export type Run = string | { repeat: string; times: number }

export function loadVectors<Row>(name: string): Row[] {
  const url = new URL(`../../proto/wire/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Row[]
}

export function expandRuns(runs: Run | readonly Run[]): string {
  const list = Array.isArray(runs) ? (runs as readonly Run[]) : [runs as Run]
  return list.map((run) => (typeof run === 'string' ? run : run.repeat.repeat(run.times))).join('')
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
