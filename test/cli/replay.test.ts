// `stephost invoke --request`: a step runs again from its file, with the documents it had.
import { describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import { storedRequest } from '../../src/model/stored-request.ts'
import { claimedStep, stepRequest } from '../dispatch/steps.ts'
import { project, stephost } from './stephost.ts'

const taskDocument =
  '{"task":{"context":{"amount":12345678901234567890}},"task_name":"t","task_version":"1","namespace_name":"n"}'

const request = stepRequest(claimedStep('charge', { attempts: 2 }), {
  handler: { callable: 'cli.echo', method: null, resolver: null },
  task: taskDocument as JsonText,
  workflowStep: '{"name":"charge","attempts":2}' as JsonText,
})

const files = project({
  'echo.py': `from stephost import StepHandler


class Echo(StepHandler):
    handler_name = "cli.echo"

    def call(self, context):
        return self.success({"amount": context.get_input("amount"), "attempt": context.retry_count})
`,
  'request.json': storedRequest(request),
  'broken.json': '{"callable":"cli.echo"}',
})

describe('invoke --request', () => {
  it('runs the handler that the file names, with its documents and exact numbers', async () => {
    const args = ['invoke', '--request', `${files}/request.json`, '--handlers', files, '--json']
    const { code, stdout, stderr } = await stephost(args)
    expect(stderr).toBe('')
    expect(stdout).toContain('12345678901234567890')
    expect(JSON.parse(stdout)).toMatchObject({ success: true, result: { attempt: 2 } })
    expect(code).toBe(0)
  })

  it.each([
    ['a callable beside it', ['cli.echo', '--request', 'FILE'], '--request and the callable "cli.echo" exclude'],
    ['a context beside it', ['--request', 'FILE', '--context', '{}'], '--request and --context exclude each other'],
    ['results beside it', ['--request', 'FILE', '--deps', '{}'], '--request and --deps exclude each other'],
    ['an initialization beside it', ['--request', 'FILE', '--init', '{}'], '--request and --init exclude each other'],
    ['a file that is not there', ['--request', '/nonexistent.json'], '--request /nonexistent.json cannot be read'],
    ['a file of another shape', ['--request', 'BROKEN'], 'broken.json: "step_uuid" must be'],
    ['nothing to run', [], 'No callable is named'],
  ])('refuses %s', async (_what, words, message) => {
    const args = words.map((word) =>
      word.replace('FILE', `${files}/request.json`).replace('BROKEN', `${files}/broken.json`),
    )
    const { code, stderr } = await stephost(['invoke', ...args, '--handlers', files])
    expect(stderr).toContain(message)
    expect(stderr).toContain('hint:')
    expect(code).toBe(2)
  })
})
