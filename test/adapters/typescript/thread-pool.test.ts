// What a pool of threads does with calls that nobody can take any more.
import { expect, it } from 'vitest'
import type { HandlerThread } from '../../../src/adapters/typescript/handler-thread.ts'
import { ThreadPool } from '../../../src/adapters/typescript/thread-pool.ts'
import type { ThreadSlot } from '../../../src/adapters/typescript/thread-slot.ts'
import type { HandlerCall } from '../../../src/model/runtime-adapter.ts'

it('is idle once the last call that waited is refused, because the thread that became free does not know its handler', async () => {
  const thread = { knows: () => false, isSynchronous: () => false } as Partial<HandlerThread> as HandlerThread
  const slot = { thread: null as HandlerThread | null, load: 0, exclusive: false }
  const pool = new ThreadPool([slot as ThreadSlot], { inFlightMaxPerThread: 2 })
  const call = { id: 'one', requests: [{ handler: { callable: 't.gone' } }] } as object as HandlerCall
  const waits = pool.execute(call, {} as never, { isAnnounced: true })
  const idle = pool.idle()
  slot.thread = thread
  pool.placeWaiting()
  await expect(waits).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
  await idle
  expect(slot.load).toBe(0)
})
