// Does nothing and says when it began, in microseconds since 1970.
import { randomBytes } from 'node:crypto'
import { defineHandler } from 'stephost'

const guest = randomBytes(4).toString('hex')
let invocations = 0

export const stamp = defineHandler('bench.stamp_typescript', {}, async () => {
  const started_us = Math.round((performance.timeOrigin + performance.now()) * 1000)
  invocations += 1
  return { guest, n: String(invocations).padStart(8, '0'), started_us }
})
