// Stored templates whose steps could never run in the order that is meant: what is said of them, and that saying it costs little.
import { expect, it } from 'vitest'
import { type CheckedStep, checkSteps, storedOrderProblem } from '../../src/model/template-check.ts'

const step = (name: string, dependencies: readonly string[] = [], type: CheckedStep['type'] = 'standard') => ({
  ...{ name, dependencies, type },
})

it('lets pass what runs: decisions, their branches, batches and a convergence of steps that come later', () => {
  const steps = [
    step('start'),
    step('choose', ['start'], 'decision'),
    ...['left', 'right'].map((name) => step(name, ['choose'])),
    step('rows', ['start'], 'batchable'),
    step('row', ['rows'], 'batch_worker'),
    step('join', ['left', 'right', 'row'], 'deferred_convergence'),
    step('twice', ['join', 'join']),
  ]
  expect(storedOrderProblem(steps)).toBeNull()
  // Where an author writes it, it is a mistake; where it is stored, it runs.
  const alone = [step('choose', [], 'decision')]
  expect([checkSteps(alone).length, storedOrderProblem(alone)]).toEqual([1, null])
})

it('finds a cycle among steps that only a decision makes', () => {
  const steps = [step('choose', ['start'], 'decision'), step('start'), step('a', ['choose', 'b']), step('b', ['a'])]
  expect(storedOrderProblem(steps)).toContain('steps[2]: steps wait for each other in a cycle: a → b → a; remove')
})

it('says three things of a template at most, and little of what is long', () => {
  const many = Array.from({ length: 1_000 }, (_, place) => step(`s${place}`, [`ghost${place}`]))
  expect(storedOrderProblem(many)?.match(/is no step/g)).toHaveLength(3)
  expect(checkSteps(many)).toHaveLength(100)
  const wide = Array.from({ length: 1_000 }, (_, place) => step(`s${place}`, [`s${(place + 1) % 1_000}`]))
  expect(storedOrderProblem(wide)).toMatch(/→ 980 more → s0; remove/)
  expect(storedOrderProblem([step('x'.repeat(1e6), ['y'.repeat(1e6)])])?.length).toBeLessThan(2_100)
})

it('looks at each step a few times, in whatever order a chain is written', () => {
  let looks = 0
  const chain = Array.from({ length: 10_000 }, (_, place) => {
    const dependencies = place === 9_999 ? [] : [`s${place + 1}`]
    return {
      ...step(`s${place}`),
      get dependencies() {
        looks += 1
        return dependencies
      },
    }
  })
  expect(storedOrderProblem(chain)).toBeNull()
  expect(looks).toBeLessThan(10 * chain.length)
})
