// Domain events: the step's own publisher shapes the event that the template declares, a subscriber hears of it.

import {
  BasePublisher,
  BaseSubscriber,
  type DomainEvent,
  type StepContext,
  StepHandler,
  type StepHandlerResult,
  type StepResult,
} from 'stephost'

export class SendReceipt extends StepHandler {
  static override handlerName = 'examples.send_receipt'

  async call(context: StepContext): Promise<StepHandlerResult> {
    return this.success({ email: context.getInput('email') })
  }
}

export class ReceiptPublisher extends BasePublisher {
  get publisherName(): string {
    return 'receipt_publisher'
  }

  override shouldPublish({ result }: StepResult): boolean {
    return !String(result['email']).endsWith('@example.invalid')
  }

  override transformPayload({ result }: StepResult): object {
    return { to: result['email'] }
  }

  override additionalMetadata(): Record<string, unknown> {
    return { channel: 'email' }
  }
}

export class ReceiptLog extends BaseSubscriber {
  static override subscribesTo(): string[] {
    return ['receipt.*']
  }

  handle({ payload }: DomainEvent): void {
    console.log(`receipt sent to ${payload['to']}`)
  }
}
