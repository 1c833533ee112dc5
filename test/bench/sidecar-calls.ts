// Prints what a no-op call through the sidecar adapter costs beside a bare msgpack pipe, and a warm start: `npm run bench:sidecars`.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { SidecarAdapter } from '../../src/adapters/sidecar/sidecar-adapter.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import type { CallId } from '../../src/model/ids.ts'
import type { CallEvents, HandlerCall } from '../../src/model/runtime-adapter.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { BarePipe } from './sidecars/bare-pipe.ts'
import { median, print, whole } from './sidecars/figures.ts'
import { openSidecar, programs, type SidecarRuntime, sidecarRuntimes } from './sidecars/open-sidecar.ts'

const rounds = Number(process.argv[2] ?? 5)
const callsAlone = 3000
const callsTogether = 60_000
const together = 64
const starts = 11
const deadlineMs = 60_000
const here = join(packageRoot(), 'test/bench/sidecars')
const handlers = join(here, 'handlers')

type Call = (call: HandlerCall) => Promise<unknown>
interface Round {
  readonly aloneUs: number
  readonly perSecond: number
}

const deadlines = new DeadlineWheel()
const events: CallEvents = {
  started: () => {},
  log: ({ line }) => console.error(line),
  checkpoint: () => Promise.resolve({ stored: false, message: 'a bench' }),
}

/** As the step executor does it: a deadline that would cancel, set and cleared around the call. */
function through(adapter: SidecarAdapter): Call {
  return async (call) => {
    const deadline = deadlines.set(call.deadlineAt, () => adapter.cancel(call.id, 'timeout'))
    try {
      const [result] = await adapter.execute(call, events)
      if (result?.success !== true) throw new Error(`A no-op call failed: ${JSON.stringify(result)}: no figure`)
    } finally {
      deadline.clear()
    }
  }
}

/** A worker holds a few dozen requests, not tens of thousands: the same ones come again, under new call ids. */
const requests = Array.from({ length: 1000 }, () => handlerCall({ callable: 'bench.noop' }))

function nextCall(number: number): HandlerCall {
  const call = requests[number % requests.length]
  if (call === undefined) throw new Error('There are requests.')
  return { ...call, id: randomUUID() as string as CallId, deadlineAt: performance.now() + deadlineMs }
}

async function measure(call: Call): Promise<Round> {
  const times: number[] = []
  for (let number = 0; number < callsAlone; number += 1) {
    const next = nextCall(number)
    const startedAt = performance.now()
    await call(next)
    times.push((performance.now() - startedAt) * 1000)
  }
  let number = 0
  const startedAt = performance.now()
  const lane = async (): Promise<void> => {
    while (number < callsTogether) {
      number += 1
      await call(nextCall(number))
    }
  }
  await Promise.all(Array.from({ length: together }, lane))
  const perSecond = (callsTogether / (performance.now() - startedAt)) * 1000
  return { aloneUs: median(times), perSecond }
}

async function compare(runtime: SidecarRuntime): Promise<void> {
  const bare = new BarePipe([programs[runtime], join(here, runtime === 'python' ? 'bare.py' : 'bare.rb')])
  const adapter = openSidecar(runtime, handlers)
  await adapter.start()
  const found: { bare: Round[]; adapter: Round[] } = { bare: [], adapter: [] }
  try {
    for (let round = 0; round < rounds; round += 1) {
      found.bare.push(await measure((call) => bare.call(call)))
      found.adapter.push(await measure(through(adapter)))
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
