// Kills sidecars thousands of times and counts what is left of each: `npm run soak:sidecars -- [restarts] [python|ruby]`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SidecarAdapter } from '../../src/adapters/sidecar/sidecar-adapter.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import type { CallEvents } from '../../src/model/runtime-adapter.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { print, whole } from './sidecars/figures.ts'
import { openSidecar, sidecarRuntimes } from './sidecars/open-sidecar.ts'

const restarts = Number(process.argv[2] ?? 10_000)
const runtime = sidecarRuntimes.find((name) => name === process.argv[3]) ?? 'python'
const processes = 2
/** Until the heap has the size that this work needs: what grows after that is a leak. */
const warmUpRestarts = Math.ceil(restarts / 10)
const growthBytesMax = 20 * 1_048_576
const reportEvery = 1000

const events: CallEvents = {
  started: () => {},
  log: () => {},
  checkpoint: () => Promise.resolve({ stored: false, message: 'a soak' }),
}

interface Left {
  readonly descriptors: number
  readonly children: number
  readonly rssBytes: number
}

/** Kills one process with a call, and has another call answered by what was started for it. */
async function restart(adapter: SidecarAdapter): Promise<void> {
  const [killed] = await adapter.execute(handlerCall({ callable: 'bench.kills_itself' }), events)
  if (killed === undefined || killed.success || killed.errorType !== 'handler_lost') {
    throw new Error(`A killed handler came back as ${JSON.stringify(killed)}`)
  }
}

async function soak(adapter: SidecarAdapter, count: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      if (left % reportEvery === 0) console.error(`${left} restarts to go`)
      await restart(adapter)
    }
  }
  await Promise.all(Array.from({ length: processes }, lane))
}

/** What this process holds, and its children by the kernel's account: zombies included. */
function look(): Left {
  globalThis.gc?.()
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid
    } catch {
      return false
    }
  })
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    children: children.length,
    rssBytes: process.memoryUsage().rss,
  }
}

/** Resolves when every place of the pool has a process again. */
async function settled(adapter: SidecarAdapter): Promise<void> {
  while (adapter.health().status !== 'healthy') await new Promise((resolve) => setTimeout(resolve, 20))
}

const adapter = openSidecar(runtime, join(packageRoot(), 'test/bench/sidecars/handlers'), {
  ...{ processes, inFlightMax: 1, threads: 1, restart: { baseMs: 1, maxMs: 1, stableMs: 0 }, log: () => {} },
})
await adapter.start()
await soak(adapter, warmUpRestarts)
await settled(adapter)
const before = look()
const startedAt = performance.now()
await soak(adapter, restarts)
await settled(adapter)
const seconds = (performance.now() - startedAt) / 1000
const after = look()
await adapter.stop()
const end = look()

const grown = after.rssBytes - before.rssBytes
print(`${runtime}: forced restarts`, whole(restarts), `in ${whole(seconds)} s`)
print('descriptors before, after', `${before.descriptors}, ${after.descriptors}`, 'the same')
print('child processes before, after, at the end', `${before.children}, ${after.children}, ${end.children}`, '2, 2, 0')
print('growth of host memory', `${(grown / 1_048_576).toFixed(1)} MB`, 'limit 20 MB')
const leaked = after.descriptors > before.descriptors || after.children > before.children || end.children > 0
if (leaked || grown > growthBytesMax) {
  console.log('Something is left behind.')
  process.exitCode = 1
}
