// Calls through an adapter as a worker makes them, timed one at a time and in lanes.
import { randomUUID } from 'node:crypto'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import type { CallId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { CallEvents, HandlerCall, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { median } from './sidecars/figures.ts'

export type Call = (call: HandlerCall) => Promise<unknown>
export type NextCall = (number: number) => HandlerCall

export interface Round {
  readonly aloneUs: number
  readonly perSecond: number
}

/** Calls in flight at once. */
export const together = 64
const callsAlone = 3000
const callsTogether = 60_000
const deadlineMs = 60_000

const deadlines = new DeadlineWheel()
const events: CallEvents = {
  started: () => {},
  log: ({ line }) => console.error(line),
  checkpoint: () => Promise.resolve({ stored: false, message: 'a bench' }),
}

/** As the step executor does it: a deadline that would cancel, set and cleared around the call. */
export function through(adapter: RuntimeAdapter): Call {
  return async (call) => {
    const deadline = deadlines.set(call.deadlineAt, () => adapter.cancel(call.id, 'timeout'))
    try {
      const [result] = await adapter.execute(call, events)
      if (result?.success !== true) throw new Error(`A call failed: ${JSON.stringify(result)}: no figure`)
    } finally {
      deadline.clear()
    }
  }
}

/** A worker holds a few dozen requests, not tens of thousands: the same ones come again, under new call ids. */
export function callsOf(callable: string, context: object = {}): NextCall {
  const text = JSON.stringify(context) as JsonText
  const calls = Array.from({ length: 1000 }, () => handlerCall({ callable, context: text }))
  return (number) => {
    const call = calls[number % calls.length]
    if (call === undefined) throw new Error('There are calls.')
    return { ...call, id: randomUUID() as string as CallId, deadlineAt: performance.now() + deadlineMs }
  }
}

/** The median of calls that follow each other, in microseconds. */
export async function alone(call: Call, next: NextCall): Promise<number> {
  const times: number[] = []
  for (let number = 0; number < callsAlone; number += 1) {
    const request = next(number)
    const startedAt = performance.now()
    await call(request)
    times.push((performance.now() - startedAt) * 1000)
  }
  return median(times)
}

/** Calls per second with `together` of them in flight. */
export async function inLanes(call: Call, next: NextCall, count: number): Promise<number> {
  let number = 0
  const startedAt = performance.now()
  const lane = async (): Promise<void> => {
    while (number < count) {
      number += 1
      await call(next(number))
    }
  }
  await Promise.all(Array.from({ length: together }, lane))
  return (count / (performance.now() - startedAt)) * 1000
}

export async function measure(call: Call, next: NextCall): Promise<Round> {
  return { aloneUs: await alone(call, next), perSecond: await inLanes(call, next, callsTogether) }
}
