// A step that names an author's resolver: it runs in whichever language has that resolver, under a name that nobody announced.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { project, stephost, template } from './stephost.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

const ruby = `require "stephost"

class Pay < Stephost::StepHandler::Base
  def handler_name = "shop.pay"

  def call(context) = success(result: {by: "ruby", callable: context.handler_name})
end

class Mine < Stephost::Registry::Resolvers::RegistryResolver
  resolver_name "mine"
  handles_prefix "pay."

  def resolve_handler(_definition, _config) = Pay
end

Stephost::Registry::HandlerRegistry.instance.add_resolver(Mine.new)
`
const python = `from stephost import BaseResolver, HandlerRegistry, StepHandler


class Ship(StepHandler):
    handler_name = "shop.ship"

    def call(self, context):
        return {"by": "python"}


class Yours(BaseResolver):
    name = "yours"

    def can_resolve(self, definition, config=None):
        return definition.callable.startswith("ship.")

    def resolve(self, definition, config=None):
        return Ship()


HandlerRegistry.instance().add_resolver(Yours())
`
const typescript = `import { BaseResolver, HandlerRegistry, StepHandler } from 'stephost'

export class Thank extends StepHandler {
  static override handlerName = 'shop.thank'

  async call() {
    return this.success({ by: 'typescript' })
  }
}

class Theirs extends BaseResolver {
  get name() {
    return 'theirs'
  }

  override canResolve() {
    return true
  }

  resolve() {
    return new Thank()
  }
}

HandlerRegistry.instance.addResolver(new Theirs())
`
const steps = `  - name: pay
    handler: {callable: pay.card, resolver: mine}
  - name: ship
    handler: {callable: ship.parcel, resolver: yours}
  - name: thank
    handler: {callable: thank.kindly, resolver: theirs}
`

it('runs in the language that has it', async () => {
  const handlers = project({ 'pay.rb': ruby, 'ship.py': python, 'thank.ts': typescript, 'job.yaml': template(steps) })
  const args = ['run', 'cli/job', '--handlers', handlers, '--json']
  const { code, stdout, stderr } = await stephost(args, { env: { DATABASE_URL: database.url } })
  expect([code, stderr]).toEqual([0, ''])
  const shown = JSON.parse(stdout) as { steps: { name: string; result: { by: string } }[] }
  const by = Object.fromEntries(shown.steps.map(({ name, result }) => [name, result.by]))
  expect(by).toEqual({ pay: 'ruby', ship: 'python', thank: 'typescript' })
})

it('is named when nobody has it', async () => {
  const handlers = project({
    'pay.rb': ruby,
    'job.yaml': template('  - {name: pay, handler: {callable: a.b, resolver: nobody}}'),
  })
  const { code, stderr } = await stephost(['run', 'cli/job', '--handlers', handlers], {
    env: { DATABASE_URL: database.url },
  })
  expect([code, stderr]).toEqual([2, expect.stringContaining('callable "a.b" is no handler')])
})
