// The smallest handler: reads a field of the task and returns a greeting.

import { type StepContext, StepHandler, type StepHandlerResult, ValidationError } from 'stephost'

export class Greet extends StepHandler {
  static override handlerName = 'examples.greet'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const name = context.getInputOr('name', '').trim()
    if (name === '') throw new ValidationError('`name` is missing or blank', 'NAME_MISSING')
    return this.success({ greeting: `Hello, ${name}!` })
  }
}
