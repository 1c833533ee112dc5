// Handlers against templates: steps that nobody has, and types that do not say what the handler does.

import { describe, expect, it } from 'vitest'
import type { HandlerDescriptor } from '../../src/model/handler.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepOutcome } from '../../src/model/step-result.ts'
import type { StepTemplate, StepType } from '../../src/model/template.ts'
import { dependencyProblem, outcomeProblem, typeProblem } from '../../src/model/template-fit.ts'

const handler: HandlerDescriptor = {
  ...{ callable: 'ship', aliases: [], runtime: 'ruby', file: 'ship.rb', root: '/h', version: '1.0.0' },
  ...{ capabilities: [], dependsOn: [], batch: null, onCrash: 'backoff' as const },
}
const steps = ['reserve', 'charge', 'ship']

function outcome(kind: StepOutcome['kind'], document: unknown): StepOutcome {
  return { kind, document: (typeof document === 'string' ? document : JSON.stringify(document)) as JsonText }
}

describe('dependencyProblem', () => {
  it('is silent when the template has the steps', () => {
    expect(dependencyProblem({ ...handler, dependsOn: ['reserve'] }, steps)).toBeNull()
  })

  it('names handler, file, step and the nearest one', () => {
    expect(dependencyProblem({ ...handler, dependsOn: ['reserve', 'chrage'] }, steps)).toBe(
      'Handler "ship" (ship.rb) depends on the step "chrage", which the template does not have (did you mean "charge"?); correct the declaration or the template.',
    )
  })
})

describe('outcomeProblem', () => {
  it.each([
    ['decision', { type: 'create_steps', step_names: ['charge'] }],
    ['decision', { type: 'no_branches' }],
    ['batches', { type: 'create_batches', worker_template_name: 'ship' }],
    ['batches', { type: 'no_batches' }],
    ['checkpoint', { cursor: 1, step_names: ['nobody'] }],
    ['decision', 'no JSON'],
  ] as const)('is silent on %s %j', (kind, document) => {
    expect(outcomeProblem(handler, outcome(kind, document), steps)).toBeNull()
  })

  it.each([
    ['decision', { type: 'create_steps', step_names: ['charge', 'shipp'] }, 'decides on the step "shipp"'],
    ['batches', { type: 'create_batches', worker_template_name: 'shipp' }, 'wants workers of the step "shipp"'],
  ] as const)('names what %s %j gets wrong', (kind, document, words) => {
    const problem = outcomeProblem(handler, outcome(kind, document), steps)
    expect(problem).toContain(`Handler "ship" (ship.rb) ${words}`)
    expect(problem).toContain('did you mean "ship"?')
  })
})

describe('typeProblem', () => {
  const step = (type: StepType) => ({ name: 's', type }) as StepTemplate

  it.each([
    ['decision', [], 'does not say that it is decision'],
    ['batchable', ['decision'], 'does not say that it is batchable'],
    ['batch_worker', [], 'does not say that it is batchable'],
    ['standard', ['decision'], 'its branches are ignored'],
  ] as const)('a %s step with %j', (type, capabilities, words) => {
    expect(typeProblem({ ...handler, capabilities }, step(type))).toContain(words)
  })

  it.each([
    ['decision', ['decision'], 'ruby'],
    ['standard', ['batchable'], 'ruby'],
    ['decision', [], 'rust'],
  ] as const)('is silent on a %s step with %j in %s', (type, capabilities, runtime) => {
    expect(typeProblem({ ...handler, capabilities, runtime }, step(type))).toBeNull()
  })
})
