// What every peer's process speaks: lines of JSON to the bench on standard output, its orders as lines on standard input.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

export const concurrency = 24
const resultBytes = 64
const payloadBytes = 256

export const [command = '', url = '', count = '0', mode = ''] = process.argv.slice(2)
export const jobs = Number(count)

export const payload = { payload: 'x'.repeat(payloadBytes - JSON.stringify({ payload: '' }).length) }

export function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** `go`, `stop`; and `die`: kill -9 at the next job, so that it holds one. */
const given = new Set()
const orders = createInterface({ input: process.stdin }).on('line', (line) => given.add(line))
// The bench is gone, be it by a signal that nobody can catch.
process.stdin.once('end', () => process.exit(1))

/** Resolves when the bench has given this order. */
async function order(word) {
  while (!given.has(word)) await once(orders, 'line')
}

const sleepMs = 5
const spinMs = 2_000
let handled = 0

/** What a job does stands before the dash of its key: `stamp` nothing, `sleep` waits, `spin` computes without ever giving way. */
const tasks = {
  stamp: () => {},
  sleep: () => delay(sleepMs),
  spin: () => {
    const until = performance.now() + spinMs
    while (performance.now() < until);
  },
}

/**
 * The result of a job: without a key 64 bytes of one that did nothing, else also when it began, in microseconds since 1970. `attempts`
 * is told where the peer itself does not keep it. Says so when all have been handled.
 */
export function handle(data, attempts) {
  const startedUs = Math.round((performance.timeOrigin + performance.now()) * 1000)
  if (given.has('die')) process.kill(process.pid, 'SIGKILL')
  handled += 1
  if (handled === jobs) say({ event: 'handled' })
  const result = { guest: 'peer0000', n: String(handled).padStart(8, '0'), attempts, fill: '' }
  if (data?.key === undefined) return { ...result, fill: '.'.repeat(resultBytes - JSON.stringify(result).length) }
  return after(tasks[data.key.split('-')[0]](), { ...result, key: data.key, started_us: startedUs, fill: '.' })
}

async function after(done, result) {
  await done
  return result
}

/**
 * `preload` makes the schema and the jobs; `run` opens what is needed, says ready, works from the order `go` until `stop`.
 * `work` resolves with what ends it.
 */
export async function servePeer({ packageName, preload, open }) {
  if (command === 'preload') {
    await preload()
    say({ event: 'preloaded' })
  } else {
    const { work, settings } = await open()
    const { version } = JSON.parse(
      readFileSync(new URL(`node_modules/${packageName}/package.json`, import.meta.url), 'utf8'),
    )
    say({ event: 'ready', version, settings })
    await order('go')
    const close = await work()
    say({ event: 'working' })
    await order('stop')
    await close()
    say({ event: 'stopped', handled })
  }
  orders.close()
  // Pools may keep idle connections for a while; nothing is left to do.
  process.exit(0)
}
