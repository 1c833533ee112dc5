// Computes for two seconds without ever giving way.
import { randomBytes } from 'node:crypto'
import { defineHandler } from 'stephost'

const guest = randomBytes(4).toString('hex')
const spinMs = 2_000
let invocations = 0

export const spin = defineHandler('bench.spin_typescript', {}, async () => {
  const started_us = Math.round((performance.timeOrigin + performance.now()) * 1000)
  invocations += 1
  const n = String(invocations).padStart(8, '0')
  const until = performance.now() + spinMs
  while (performance.now() < until);
  return { guest, n, started_us }
})
