// Work and result apart: `process` counts, `processResults` says what the step stores of it.

import { ProcessHandler, type StepContext, type StepHandlerResult } from 'stephost'

export class SummarizeText extends ProcessHandler {
  static override handlerName = 'examples.summarize_text'

  process(context: StepContext): string[] {
    return textOf(context).split(/\s+/).filter(Boolean)
  }

  processResults(context: StepContext, words: string[]): StepHandlerResult {
    const summary = { words: words.length, summary: `${words.length} words` }
    return this.success(summary, { characters: textOf(context).length })
  }
}

function textOf(context: StepContext): string {
  return context.getInputOr('text', '')
}
