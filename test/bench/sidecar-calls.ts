// Prints what a no-op call through the sidecar adapter costs beside a bare msgpack pipe, and a warm start: `npm run bench:sidecars`.
import { join } from 'node:path'
import { packageRoot } from '../../src/config/package-root.ts'
import { callsOf, measure, type Round, through, together } from './measured-calls.ts'
import { BarePipe } from './sidecars/bare-pipe.ts'
import { median, print, whole } from './sidecars/figures.ts'
import { openSidecar, programs, type SidecarRuntime, sidecarRuntimes } from './sidecars/open-sidecar.ts'

const rounds = Number(process.argv[2] ?? 5)
const starts = 11
const here = join(packageRoot(), 'test/bench/sidecars')
const handlers = join(here, 'handlers')
const next = callsOf('bench.noop')

async function compare(runtime: SidecarRuntime): Promise<void> {
  const bare = new BarePipe([programs[runtime], join(here, runtime === 'python' ? 'bare.py' : 'bare.rb')])
  const adapter = openSidecar(runtime, handlers)
  await adapter.start()
  const found: { bare: Round[]; adapter: Round[] } = { bare: [], adapter: [] }
  try {
    for (let round = 0; round < rounds; round += 1) {
      found.bare.push(await measure((call) => bare.call(call), next))
      found.adapter.push(await measure(through(adapter), next))
    }
  } finally {
    await Promise.all([bare.stop(), adapter.stop()])
  }
  const alone = { bare: median(found.bare.map((r) => r.aloneUs)), adapter: median(found.adapter.map((r) => r.aloneUs)) }
  const rate = {
    bare: median(found.bare.map((r) => r.perSecond)),
    adapter: median(found.adapter.map((r) => r.perSecond)),
  }
  const ratio = (value: number, to: number) => `${(value / to).toFixed(2)} ×`
  print(`${runtime}: bare pipe, 1 in flight, p50`, `${whole(alone.bare)} µs`)
  print(`${runtime}: through the adapter, 1 in flight, p50`, `${whole(alone.adapter)} µs`)
  print(`${runtime}: adapter to bare pipe, p50`, ratio(alone.adapter, alone.bare), 'limit 2 ×')
  print(`${runtime}: bare pipe, ${together} in flight`, `${whole(rate.bare)} calls/s`)
  print(`${runtime}: through the adapter, ${together} in flight`, `${whole(rate.adapter)} calls/s`, 'at least 30,000')
  print(`${runtime}: adapter to bare pipe, rate`, ratio(rate.adapter, rate.bare), 'at least 0.4 ×')
}

async function measureStart(runtime: SidecarRuntime): Promise<void> {
  const times: number[] = []
  for (let start = 0; start < starts; start += 1) {
    const adapter = openSidecar(runtime, handlers)
    const startedAt = performance.now()
    await adapter.start()
    times.push(performance.now() - startedAt)
    await adapter.stop()
  }
  print(`${runtime}: start to hello, warm`, `${whole(median(times))} ms`, 'limit 150 ms')
}

for (const runtime of sidecarRuntimes) {
  await compare(runtime)
  await measureStart(runtime)
}
