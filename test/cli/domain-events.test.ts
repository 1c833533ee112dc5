// Domain events as a user declares them: a Ruby handler and its publisher, a Python subscriber, and the queue that anybody may read.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { project, stephost, template } from './stephost.ts'

const handlers = project({
  'pay.rb': `require "stephost"

class Pay < Stephost::StepHandler::Base
  def handler_name = "shop.pay"

  def call(context)
    raise Stephost::Errors::PermanentError, "no money" if context.get_input("poor")

    success(result: {amount: context.get_input("amount")})
  end
end

class PaymentPublisher < Stephost::DomainEvents::BasePublisher
  def transform_payload(step_result, _declaration, context = nil)
    {paid: step_result[:result][:amount], by: context.step_name}
  end

  def after_publish(event_name, _payload, _metadata)
    logger.info("published #{event_name}")
  end
end
`,
  'ledger.py': `from stephost import BaseSubscriber


class Ledger(BaseSubscriber):
    @classmethod
    def subscribes_to(cls):
        return ["payment.*"]

    def handle(self, event):
        print("ledger:", event["event_name"], event["business_payload"])
`,
  'pay.yaml': template(`  - name: pay
    handler: {callable: shop.pay}
    publishes_events:
      - name: payment.made
        description: paid
        schema: {type: object, required: [paid]}
        delivery_mode: broadcast
        publisher: payment_publisher
      - name: payment.refused
        description: refused
        schema: {}
        condition: permanent_failure
      - name: payment.odd
        description: has a schema that no result fits
        schema: {type: object, required: [odd]}
        condition: always
`),
})

let database: OpenDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

async function run(context: string): Promise<{ stdout: string; stderr: string; events: Record<string, unknown>[] }> {
  const env = { DATABASE_URL: database.url, LOG_LEVEL: 'info' }
  const { stdout, stderr } = await stephost(['run', 'cli/job', '--handlers', handlers, '--context', context], { env })
  const rows = await database.rows<{ message: string }>('DELETE FROM pgmq.q_cli_domain_events RETURNING message')
  return { stdout, stderr, events: rows.map(({ message }) => JSON.parse(message) as Record<string, unknown>) }
}

it('a success: shaped by its publisher, in the queue, and heard in another language', async () => {
  const { stderr, events } = await run('{"amount": 12345678901234567890}')
  expect(events).toMatchObject([{ event_name: 'payment.made', metadata: { namespace: 'cli', step_name: 'pay' } }])
  expect(JSON.stringify(events[0]?.['payload'])).toContain('"by":"pay"')
  expect(stderr).toMatch(/ledger: payment.made {'paid': 12345678901234567890, 'by': 'pay'}/)
  expect(stderr).toContain('published payment.made')
  expect(stderr).toMatch(/payment.odd.*was not published: .*must have required property 'odd'/)
})

it('a failure for good: only what was declared for it', async () => {
  const { events, stdout } = await run('{"poor": true}')
  expect(stdout).toContain('no money')
  expect(events).toMatchObject([
    {
      event_name: 'payment.refused',
      payload: { execution_result: { success: false, error: { message: 'no money', retryable: false } } },
    },
  ])
})

it('shows who publishes and who hears', async () => {
  const { stdout } = await stephost(['handlers', '--handlers', handlers])
  expect(stdout).toContain('publisher payment_publisher: pay.rb (ruby)\n')
  expect(stdout).toContain('subscriber ledger to payment.*: ledger.py (python)\n')
})
