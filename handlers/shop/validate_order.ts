// Checks an order and works out its price; the first step, so that nothing is reserved or charged for a bad one.
import { PermanentError, type StepContext, StepHandler, type StepHandlerResult } from 'stephost'

interface Line {
  sku: string
  name: string
  quantity: number
  unit_price_cents: number
}

export class ValidateOrder extends StepHandler {
  static override handlerName = 'shop.validate_order'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const lines = context.getInputOr<Line[]>('lines', [])
    const linesMax = context.getConfig<number>('lines_max') ?? 50
    if (lines.length > linesMax) {
      // Thrown errors say by their class whether a retry could help.
      throw new PermanentError(`An order has at most ${linesMax} lines, this one has ${lines.length}`)
    }
    const netCents = lines.reduce((sum, line) => sum + line.quantity * line.unit_price_cents, 0)
    const vatCents = Math.round((netCents * (context.getConfig<number>('vat_percent') ?? 0)) / 100)
    return this.success({ lines, net_cents: netCents, vat_cents: vatCents, total_cents: netCents + vatCents })
  }
}
