// Many steps in one call: the host gathers up to a hundred of them, the first waits at most 20 ms.

import { RowBatchHandler, type StepContext } from 'stephost'

export class InsertRows extends RowBatchHandler {
  static override handlerName = 'examples.insert_rows'
  static override batch = { maxSize: 100, maxWaitMs: 20 }

  async processBatch(contexts: readonly StepContext[]): Promise<unknown[]> {
    const rows = contexts.map((context) => context.getInputOr('row', 0))
    // What is thrown here fails nobody yet: the host then gives the steps one by one.
    if (rows.includes(13)) throw new Error('row 13 breaks the whole statement')
    return rows.map((row) =>
      row < 0 ? this.failure(`row ${row} is negative`, undefined, false) : { row, batch_size: rows.length },
    )
  }
}
