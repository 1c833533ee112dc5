// Adds up an order; the tax comes from `initialization` in the template.

import { ErrorType, type StepContext, StepHandler, type StepHandlerResult } from 'stephost'

interface Item {
  readonly quantity: number
  readonly unit_price_cents: number
}

export class PriceOrder extends StepHandler {
  static override handlerName = 'examples.price_order'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const items = context.getInputOr<Item[]>('items', [])
    if (items.length === 0) {
      return this.failure('the order has no items', ErrorType.VALIDATION_ERROR, false, {}, 'NO_ITEMS')
    }
    const net = items.reduce((total, item) => total + item.quantity * item.unit_price_cents, 0)
    const tax = Math.floor((net * (context.getConfig<number>('tax_percent') ?? 0) + 50) / 100)
    return this.success({ net_cents: net, tax_cents: tax, total_cents: net + tax })
  }
}
