// Handlers that pause at checkpoints, as a user runs them: several runs, one attempt, in each language.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { project, stephost, template } from './stephost.ts'

/** Each run adds its row; the fourth is the last. */
const files = {
  'rows.py': `from stephost import StepHandler


class Rows(StepHandler):
    handler_name = "python.rows"

    def call(self, context):
        done = context.checkpoint_items_processed
        rows = [*(context.accumulated_results or []), done]
        return {"rows": rows, "cursor": context.checkpoint_cursor} if done == 3 else self.checkpoint_yield(f"row {done}", done + 1, rows)
`,
  'rows.rb': `require "stephost"

class Rows < Stephost::StepHandler::Base
  def handler_name = "ruby.rows"

  def call(context)
    done = context.checkpoint_items_processed
    rows = [*context.accumulated_results, done]
    return {rows: rows, cursor: context.checkpoint_cursor} if done == 3

    checkpoint_yield(cursor: "row #{done}", items_processed: done + 1, accumulated_results: rows)
  end
end
`,
  'rows.ts': `import { type StepContext, StepHandler, type StepHandlerResult } from 'stephost'

export class Rows extends StepHandler {
  static override handlerName = 'typescript.rows'

  async call(context: StepContext): Promise<StepHandlerResult> {
    const done = context.checkpointItemsProcessed
    const rows = [...((context.accumulatedResults ?? []) as number[]), done]
    if (done === 3) return this.success({ rows, cursor: context.checkpointCursor })
    return this.checkpointYield(\`row \${done}\`, done + 1, rows)
  }
}
`,
}

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

describe('a handler that pauses', () => {
  it.each(['python', 'ruby', 'typescript'])('%s: goes on from its checkpoint in the same attempt', async (language) => {
    const step = `  - name: rows\n    handler: { callable: ${language}.rows }\n`
    const { stdout, stderr } = await stephost(
      ['run', 'cli/job', '--handlers', project({ ...files, 'job.yaml': template(step) }), '--json'],
      { env: { DATABASE_URL: database.url } },
    )
    expect(stdout, stderr).not.toBe('')
    expect(JSON.parse(stdout).steps).toMatchObject([
      { attempts: 1, state: 'complete', result: { rows: [0, 1, 2, 3], cursor: 'row 2' } },
    ])
  })
})
