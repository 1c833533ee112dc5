// The testing library for TypeScript handlers, used on the examples as their author would.

import { describe, expect, it } from 'vitest'
import { ChargeCard } from '../../../runtimes/typescript/examples/charge-card.ts'
import { Greet } from '../../../runtimes/typescript/examples/greet.ts'
import { InsertRows } from '../../../runtimes/typescript/examples/insert-rows.ts'
import { PriceOrder } from '../../../runtimes/typescript/examples/price-order.ts'
import { ProcessRows } from '../../../runtimes/typescript/examples/process-rows.ts'
import { reserveStock } from '../../../runtimes/typescript/examples/reserve-stock.ts'
import { RouteApproval } from '../../../runtimes/typescript/examples/route-approval.ts'
import { contextOf, StepHandler } from '../../../runtimes/typescript/src/step-handler.ts'
import {
  buildContext,
  runBatch,
  runHandler,
  type StephostMatchers,
  stephostMatchers,
} from '../../../runtimes/typescript/src/testing.ts'

declare module 'vitest' {
  interface Matchers extends StephostMatchers {}
}

expect.extend(stephostMatchers)

describe('runHandler', () => {
  it('gives what is stored', async () => {
    const run = await runHandler(Greet, { context: { name: 'Ada' } })
    expect(run).toSucceedWith({ greeting: 'Hello, Ada!' })
    expect(run.result).toEqual({ greeting: 'Hello, Ada!' })
  })

  it('tells failures apart', async () => {
    expect(await runHandler(Greet)).toFailPermanently('blank', 'NAME_MISSING')
    expect(await runHandler(ChargeCard, { context: { card: 'busy' } })).toFailRetryably(/busy/, 30)
    expect(await runHandler(ChargeCard, { context: { card: 'flaky' }, attempts: 1 })).toSucceedWith({ last_try: false })
    expect(await runHandler(Greet)).not.toFailRetryably()
  })

  it('gives configuration and what other steps returned', async () => {
    const items = [{ quantity: 1, unit_price_cents: 100 }]
    expect(await runHandler(PriceOrder, { context: { items }, config: { tax_percent: 7 } })).toSucceedWith({
      tax_cents: 7,
    })
    const dependencies = { price_order: { total_cents: 5 } }
    expect(await runHandler(reserveStock, { context: { warehouse: 'north' }, dependencies })).toSucceedWith({
      reserved_cents: 5,
    })
  })

  it('tells a handler which step it runs, also one that stands behind a Proxy', async () => {
    class Asks extends StepHandler {
      call() {
        return this.success({ url: contextOf(this)?.getConfig('url') })
      }
    }
    class Behind extends Asks {
      constructor() {
        super()
        // biome-ignore lint/correctness/noConstructorReturn: authors may do so to trace their handlers.
        return new Proxy(this, {})
      }
    }
    for (const handler of [Asks, Behind]) {
      expect(await runHandler(handler, { config: { url: 'http://x' } })).toSucceedWith({ url: 'http://x' })
    }
  })

  it('sees decisions, checkpoints and batches of rows', async () => {
    expect(await runHandler(RouteApproval, { context: { amount_cents: 20_000 } })).toDecideOn('manager_approval')
    expect(await runHandler(RouteApproval, { context: { amount_cents: 1 } })).toDecideOn()
    const inputs = { cursor: { batch_id: '001', start_cursor: 0, end_cursor: 4, batch_size: 4 } }
    expect(await runHandler(ProcessRows, { inputs, config: { yield_every: 2 } })).toYieldCheckpoint(2)
    const rows = await runBatch(InsertRows, [{ row: 1 }, { row: -1 }])
    expect(rows.map(({ success }) => success)).toEqual([true, false])
    await expect(runBatch(Greet, [{}])).rejects.toThrow('processBatch')
  })

  it('names an unknown method', async () => {
    expect(await runHandler(Greet, { method: 'nobody' })).toFailPermanently('no method "nobody"', 'HANDLER_MISTAKE')
  })

  it('says what it got instead', async () => {
    const run = await runHandler(Greet)
    expect(() => expect(run).toSucceedWith({})).toThrow('expected a success with {}, got a permanent failure')
    expect(() => expect(run).toDecideOn('a')).toThrow('expected the branches ["a"]')
    expect(() => expect(run).toYieldCheckpoint(1)).toThrow('expected a checkpoint at 1')
    expect(() => expect(run).toFailPermanently('other words')).toThrow('permanent failure: other words')
    expect(() => expect(run).toFailRetryably()).toThrow('retryable failure')
  })
})

it('buildContext records checkpoints', async () => {
  const context = buildContext({ context: { a: 1 }, stepName: 's' }, 'h')
  expect([context.getInput('a'), context.handlerName]).toEqual([1, 'h'])
  await context.saveCheckpoint({ cursor: 1, itemsProcessed: 1 })
  expect(context.recordedCheckpoints).toEqual([{ cursor: 1, itemsProcessed: 1 }])
})
