// A handler as a function: what it needs of other steps and of the task arrives as arguments.

import { defineHandler, PermanentError } from 'stephost'

interface Arguments {
  readonly price: { readonly total_cents: number }
  readonly warehouse: string | undefined
}

export const reserveStock = defineHandler<Arguments>(
  'examples.reserve_stock',
  { depends: { price: 'price_order' }, inputs: { warehouse: 'warehouse' } },
  async ({ price, warehouse }) => {
    if (warehouse === undefined) throw new PermanentError('the task names no `warehouse`')
    return { warehouse, reserved_cents: price.total_cents }
  },
)
