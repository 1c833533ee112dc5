// Publishers, subscribers and resolvers that cannot be made, and files that print while they load: the handlers serve, and somebody is told.

import { expect, it } from 'vitest'
import { project, stephost } from './stephost.ts'

const ruby = `require "stephost"

puts "loading, Needy and all"

class Works < Stephost::StepHandler::Base
  def handler_name = "works.ruby"

  def call(_context) = success(result: 1)
end

class Needy < Stephost::DomainEvents::BasePublisher
  def initialize(address) = @address = address
end

class Odd < Stephost::Registry::Resolvers::BaseResolver
  def registered_callables = ["odd"]

  def resolve(_definition, _config = {}) = raise("no way")
end

Stephost::Registry::HandlerRegistry.instance.add_resolver(Odd.new)
`
const python = `from stephost import BasePublisher, BaseResolver, HandlerRegistry, StepHandler

print("loading, Needy and all")


class Works(StepHandler):
    handler_name = "works.python"

    def call(self, context):
        return 1


class Needy(BasePublisher):
    def __init__(self, address):
        self.address = address


class Odd(BaseResolver):
    def registered_callables(self):
        return ["odd"]

    def resolve(self, definition, config=None):
        raise RuntimeError("no way")


HandlerRegistry.instance().add_resolver(Odd())
`
const typescript = `console.log('loading, Needy and all')
import { BasePublisher, BaseResolver, HandlerRegistry, StepHandler } from 'stephost'

export class Works extends StepHandler {
  static override handlerName = 'works.typescript'

  async call() {
    return this.success(1)
  }
}

export class Needy extends BasePublisher {
  constructor() {
    super()
    throw new Error('no address')
  }

  get publisherName() {
    return 'needy'
  }
}

export abstract class Base extends BasePublisher {}

class Odd extends BaseResolver {
  get name() {
    return 'odd'
  }

  override registeredCallables() {
    return ['odd']
  }

  resolve() {
    throw new Error('no way')
  }
}

HandlerRegistry.instance.addResolver(new Odd())
`

it.each([
  ['ruby', 'works.rb', ruby],
  ['python', 'works.py', python],
  ['typescript', 'works.ts', typescript],
])('in %s', async (language, file, code) => {
  const root = project({ [file]: code })
  const { stdout, stderr } = await stephost(['handlers', '--handlers', root, '--json'], { env: { LOG_LEVEL: 'info' } })
  const shown = JSON.parse(stdout) as {
    handlers: { callable: string }[]
    publishers: unknown[]
    load_failures: object[]
  }
  expect(shown.handlers.map(({ callable }) => callable)).toEqual([`works.${language}`])
  expect(shown.publishers).toEqual([])
  expect(shown.load_failures).toMatchObject([{ message: expect.stringContaining('no way') }])
  expect(stderr).toMatch(/Needy.* cannot be made/)
  expect(stderr).toContain('loading, Needy and all')
})
