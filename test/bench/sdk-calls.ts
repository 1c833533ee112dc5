// `npm run bench:sdk`: what each SDK adds to a call over a bare function, and what its import costs.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, print } from './sidecars/figures.ts'

interface Figures {
  readonly import_ms: number
  readonly bare_us: number
  readonly sdk_us: number
}

/** What users were promised; a figure beyond it makes the command end with 1. */
const limits = { added_us: 30, import_ms: { ruby: 60, python: 50, typescript: 50 } } as const
const rounds = 5

const commands = {
  ruby: ['ruby', source('sdk/calls.rb')],
  python: ['/usr/bin/python3', source('sdk/calls.py')],
  typescript: [process.execPath, fileURLToPath(new URL('sdk/calls.js', import.meta.url))],
} as const

let missed = false
for (const language of ['ruby', 'python', 'typescript'] as const) {
  const runs = Array.from({ length: rounds }, () => measure(commands[language]))
  const importMs = median(runs.map(({ import_ms }) => import_ms))
  const bareUs = median(runs.map(({ bare_us }) => bare_us))
  const sdkUs = median(runs.map(({ sdk_us }) => sdk_us))
  const addedUs = sdkUs - bareUs
  const kept = addedUs <= limits.added_us && importMs <= limits.import_ms[language]
  missed ||= !kept
  print(
    `${language}: a call over the same work in a bare function`,
    `${addedUs.toFixed(1)} µs`,
    `limit ${limits.added_us} µs`,
  )
  print(`${language}: import`, `${importMs.toFixed(1)} ms`, `limit ${limits.import_ms[language]} ms`)
}
process.exit(missed ? 1 : 0)

function measure([program, ...args]: readonly [string, ...string[]]): Figures {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as Figures
}

/** Scripts that nothing compiles lie beside the source of this file. */
function source(file: string): string {
  return fileURLToPath(new URL(`../../../test/bench/${file}`, import.meta.url))
}
