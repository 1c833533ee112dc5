// Prints what a no-op call of a Rust handler costs, in the host and in a process of its own: `npm run bench:native`.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { guestProgram } from '../../src/adapters/native/addon.ts'
import { findHandlerLibraries } from '../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter } from '../../src/adapters/native/native-adapter.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { alone, callsOf, inLanes, measure, type Round, through, together } from './measured-calls.ts'
import { BareRoundTrip } from './native/bare-round-trip.ts'
import { median, print, whole } from './sidecars/figures.ts'
import { openSidecar } from './sidecars/open-sidecar.ts'

const rounds = Number(process.argv[2] ?? 5)
const callsForMemory = 100_000
const sleepers = 32
const sleepS = 0.2
const roots = [join(packageRoot(), 'test/fixtures/handlers/rust')]
const noop = 'conformance.noop'

function openNative(threads: number): NativeAdapter {
  return new NativeAdapter({ find: () => findHandlerLibraries(roots), threads, log: ({ line }) => console.error(line) })
}

async function compareCalls(): Promise<void> {
  const bare = new BareRoundTrip(together)
  const adapter = openNative(together)
  await adapter.start()
  const found: { bare: Round[]; adapter: Round[] } = { bare: [], adapter: [] }
  for (let round = 0; round < rounds; round += 1) {
    found.bare.push(await measure((call) => bare.call(call), callsOf('c.noop')))
    found.adapter.push(await measure(through(adapter), callsOf(noop)))
  }
  bare.stop()
  await adapter.stop()
  const rate = {
    bare: median(found.bare.map((round) => round.perSecond)),
    adapter: median(found.adapter.map((round) => round.perSecond)),
  }
  print('bare N-API, 1 in flight, p50', `${whole(median(found.bare.map((round) => round.aloneUs)))} µs`)
  const aloneUs = median(found.adapter.map((round) => round.aloneUs))
  print('Rust through the adapter, 1 in flight, p50', `${whole(aloneUs)} µs`, 'limit 40 µs')
  print(`bare N-API, ${together} in flight`, `${whole(rate.bare)} calls/s`)
  print(`Rust through the adapter, ${together} in flight`, `${whole(rate.adapter)} calls/s`, 'at least 60,000')
  print('adapter to bare N-API, rate', `${(rate.adapter / rate.bare).toFixed(2)} ×`, 'at least 0.5 ×')
}

async function measureSleepers(): Promise<void> {
  const adapter = openNative(sleepers)
  await adapter.start()
  const next = callsOf('conformance.ignore_cancel', { seconds: sleepS })
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: sleepers }, (_, number) => through(adapter)(next(number))))
    times.push(performance.now() - startedAt)
  }
  await adapter.stop()
  print(
    `${sleepers} handlers of ${sleepS * 1000} ms on ${sleepers} threads`,
    `${whole(median(times))} ms`,
    'limit 300 ms',
  )
}

async function measureMemory(): Promise<void> {
  const adapter = openNative(together)
  await adapter.start()
  const next = callsOf(noop)
  // V8 gives pages back in the background and not always: the lowest of several readings is what is really held.
  const heldAfterCalls = async (): Promise<number> => {
    const readings: number[] = []
    for (let reading = 0; reading < rounds; reading += 1) {
      await inLanes(through(adapter), next, callsForMemory)
      globalThis.gc?.()
      await setTimeout(300)
      globalThis.gc?.()
      readings.push(process.memoryUsage.rss() / 1024 / 1024)
    }
    return Math.min(...readings)
  }
  await heldAfterCalls()
  const before = await heldAfterCalls()
  const grown = ((await heldAfterCalls()) - before) / rounds
  await adapter.stop()
  print(`resident memory, ${whole(callsForMemory)} calls more`, `${grown.toFixed(1)} MB`, 'within ±5 MB')
}

/** Both over the same wire, so only the guests differ. */
async function compareProcesses(): Promise<void> {
  const { libraries } = findHandlerLibraries(roots)
  const command = [guestProgram(), ...libraries.flatMap(({ path, file, root }) => ['--library', path, file, root])]
  const python = openSidecar('python', join(packageRoot(), 'test/bench/sidecars/handlers'))
  const native = openSidecar('python', roots[0] ?? '', { runtime: 'rust', command, env: {} })
  await Promise.all([python.start(), native.start()])
  const found: { python: number[]; native: number[] } = { python: [], native: [] }
  for (let round = 0; round < rounds; round += 1) {
    found.python.push(await alone(through(python), callsOf('bench.noop')))
    found.native.push(await alone(through(native), callsOf(noop)))
  }
  await Promise.all([python.stop(), native.stop()])
  const [nativeUs, pythonUs] = [median(found.native), median(found.python)]
  print('Python sidecar, 1 in flight, p50', `${whole(pythonUs)} µs`)
  print('Rust in a process, 1 in flight, p50', `${whole(nativeUs)} µs`)
  print('Rust in a process to a Python sidecar', `${(nativeUs / pythonUs).toFixed(2)} ×`, 'limit 1.5 ×')
}

await compareCalls()
await measureSleepers()
await measureMemory()
await compareProcesses()
