// Handlers that take several steps in one call, as a user runs them: one call for the steps of a task, in each language.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { project, stephost, template } from './stephost.ts'

const files = {
  'rows.py': `from stephost import StepHandler


class Rows(StepHandler):
    handler_name = "python.rows"
    batch = {"max_size": 3, "max_wait_ms": 30000}

    async def process_batch(self, contexts):
        return {context.step_uuid: {"size": len(contexts)} for context in contexts}
`,
  'rows.rb': `require "stephost"

class Rows < Stephost::StepHandler::Base
  batch max_size: 3, max_wait_ms: 30_000

  def handler_name = "ruby.rows"

  def process_batch(contexts) = contexts.map { {size: contexts.size} }
end
`,
  'rows.ts': `import { RowBatchHandler, type StepContext } from 'stephost'

export class Rows extends RowBatchHandler {
  static override handlerName = 'typescript.rows'
  static override batch = { maxSize: 3, maxWaitMs: 30_000 }

  async processBatch(contexts: readonly StepContext[]) {
    return new Map(contexts.map(({ stepUuid }) => [stepUuid, { size: contexts.length }]))
  }
}
`,
}

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const step = (name: string, callable: string) => `  - name: ${name}\n    handler: { callable: ${callable} }\n`

describe('batches of rows', () => {
  it.each(['python', 'ruby', 'typescript'])('%s: three steps are one call', async (language) => {
    const steps = ['one', 'two', 'three'].map((name) => step(name, `${language}.rows`)).join('')
    const handlers = project({ ...files, 'job.yaml': template(steps) })
    const { stdout, stderr } = await stephost(['run', 'cli/job', '--handlers', handlers, '--json'], {
      env: { DATABASE_URL: database.url },
    })
    expect(stdout, stderr).not.toBe('')
    const results = JSON.parse(stdout).steps.map(({ result }: { result: unknown }) => result)
    expect(results).toEqual([{ size: 3 }, { size: 3 }, { size: 3 }])
  })

  it('are seen among the handlers', async () => {
    const { stdout } = await stephost(['handlers', '--handlers', project(files)])
    for (const language of ['python', 'ruby', 'typescript']) {
      expect(stdout).toMatch(new RegExp(`${language}\\.rows.*process_batch; up to 3 steps within 30000 ms`))
    }
  })
})
