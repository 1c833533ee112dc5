// Callables against handlers: missing, ambiguous between languages, declared twice in one.
import { describe, expect, it } from 'vitest'
import { readTemplate } from '../../src/config/templates/template-reader.ts'
import { checkCallables } from '../../src/model/callable-check.ts'
import type { HandlerDescriptor, RuntimeName } from '../../src/model/handler.ts'
import type { LoadedTemplate } from '../../src/model/template.ts'

function templates(callable: string, root: string | null = null): LoadedTemplate[] {
  const text = `name: t\nnamespace_name: billing\nversion: 0.1.0\nsteps:\n  - {name: s, handler: {callable: ${callable}}}`
  const { template } = readTemplate('t.yaml', text)
  return template === null ? [] : [{ template, file: 't.yaml', root }]
}

function handler(callable: string, runtime: RuntimeName, root = 'handlers'): HandlerDescriptor {
  const file = `${root}/${callable}.${runtime}`
  return {
    callable,
    aliases: [],
    runtime,
    file,
    root,
    version: '1.0.0',
    capabilities: [],
    dependsOn: [],
    batch: null,
    onCrash: 'backoff',
  }
}

const lenient = { namespaces: {}, strict: false, resolvers: [] }

describe('checkCallables', () => {
  it('is silent when each callable leads to one handler', () => {
    expect(
      checkCallables(templates('charge'), [handler('charge', 'rust'), handler('refund', 'ruby')], lenient),
    ).toEqual([])
  })

  it('warns of a callable that nobody has, with the nearest; under strict it is an error', () => {
    const handlers = [handler('charge', 'rust')]
    expect(checkCallables(templates('chrage'), handlers, lenient)).toEqual([
      {
        severity: 'warning',
        file: 't.yaml',
        message:
          'billing/t@0.1.0, step "s": callable "chrage" is no handler that is loaded here (did you mean "charge"?)',
      },
    ])
    expect(checkCallables(templates('chrage'), handlers, { ...lenient, strict: true })[0]?.severity).toBe('error')
  })

  it('names both places and the line to write when two languages have it', () => {
    const handlers = [handler('charge', 'ruby'), handler('charge', 'python')]
    expect(checkCallables(templates('charge'), handlers, lenient)[0]).toMatchObject({
      severity: 'error',
      message:
        'billing/t@0.1.0, step "s": callable "charge" is declared in handlers/charge.ruby (ruby) and handlers/charge.python (python); choose with the line: runtimes.namespaces."billing" = "ruby"',
    })
    expect(
      checkCallables(templates('charge'), handlers, { ...lenient, namespaces: { billing: 'python' as const } }),
    ).toEqual([])
  })

  it('prefers the root of the template', () => {
    const handlers = [handler('charge', 'ruby', 'a'), handler('charge', 'python', 'b')]
    expect(checkCallables(templates('charge', 'b'), handlers, lenient)).toEqual([])
  })

  it('names both files when one language has it twice', () => {
    const handlers = [handler('charge', 'ruby', 'a'), handler('charge', 'ruby', 'b')]
    expect(checkCallables(templates('charge'), handlers, lenient)[0]?.message).toContain(
      'a/charge.ruby (ruby) and b/charge.ruby (ruby); rename one',
    )
  })

  it('tells of handlers that do not fit their step', () => {
    const lost = { ...handler('charge', 'ruby'), dependsOn: ['none'], capabilities: ['decision'] }
    const problems = checkCallables(templates('charge'), [lost], lenient)
    expect(problems.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringMatching(/^warning .*step "s": Handler "charge" .* depends on the step "none"/),
      expect.stringMatching(/^warning .*step "s" is a standard step, and .* decides/),
    ])
    const [strict] = checkCallables(templates('charge'), [lost], { ...lenient, strict: true })
    expect(strict?.severity).toBe('error')
  })

  it('leaves a step to the resolver of an author that it names', () => {
    const [loaded] = templates('made_up')
    if (loaded === undefined) throw new Error('The template does not load.')
    const steps = loaded.template.steps.map((step) => ({ ...step, resolver: 'mine' }))
    const named = [{ ...loaded, template: { ...loaded.template, steps } }]
    expect(checkCallables(named, [], { ...lenient, resolvers: [{ name: 'mine', runtime: 'ruby' }] })).toEqual([])
    expect(checkCallables(named, [], lenient)).toHaveLength(1)
  })
})
