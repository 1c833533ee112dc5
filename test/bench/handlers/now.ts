// Says when it started, in microseconds since 1970.
import { defineHandler } from 'stephost'

export const now = defineHandler('bench.now_typescript', {}, async () => ({
  started_us: Math.round((performance.timeOrigin + performance.now()) * 1000),
}))
