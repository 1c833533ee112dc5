// Sleeps for 5 ms and says when it began, in microseconds since 1970.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { defineHandler } from 'stephost'

const guest = randomBytes(4).toString('hex')
const sleepMs = 5
let invocations = 0

export const sleep = defineHandler('bench.sleep_typescript', {}, async () => {
  const started_us = Math.round((performance.timeOrigin + performance.now()) * 1000)
  invocations += 1
  const n = String(invocations).padStart(8, '0')
  await delay(sleepMs)
  return { guest, n, started_us }
})
