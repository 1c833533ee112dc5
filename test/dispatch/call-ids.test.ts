// The ids of calls.
import { expect, it } from 'vitest'
import { CallIds } from '../../src/dispatch/call-ids.ts'

it('are UUIDs by their form, and another one each time, in every part of the process', () => {
  const [some, others] = [new CallIds(), new CallIds()]
  const ids = Array.from({ length: 300 }, (_, count) => (count % 2 === 0 ? some : others).next())
  expect(new Set(ids).size).toBe(300)
  for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
})
