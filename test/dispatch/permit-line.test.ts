// Who gets the next permit: in order, past full views, never past a heavy step, and a last attempt at once or not at all.
import { describe, expect, it } from 'vitest'
import { PermitLine } from '../../src/dispatch/permit-line.ts'
import type { PermitLimits, PermitUse } from '../../src/dispatch/permit-views.ts'
import type { Handover } from '../../src/dispatch/row-batches.ts'
import { type Permit, Semaphore } from '../../src/dispatch/semaphore.ts'
import { claimedStep } from './steps.ts'

/** Steps are named `handler` or `handler:more`. */
function setUp(limits: PermitLimits) {
  const running = new Map<string, Permit>()
  const refused: string[] = []
  const uses = new Map<string, PermitUse>()
  const nameOf = ([first]: Handover) => first?.step.stepId ?? 'nothing'
  const semaphore = new Semaphore(limits, () => line.startWaiting())
  const line: PermitLine = new PermitLine({
    semaphore,
    useOf: (handover) => {
      const handler = nameOf(handover).split(':')[0] ?? ''
      const use = uses.get(handler) ?? { namespace: 'shop', language: 'ruby', names: [handler], batchMax: 1 }
      uses.set(handler, use)
      return use
    },
    run: (handover, permit) => void running.set(nameOf(handover), permit),
    refuse: (handover) => void refused.push(nameOf(handover)),
  })
  const add = (...names: string[]) => line.add(names.map((name) => [{ step: claimedStep(name), request: null }]))
  const addLast = (name: string) => line.add([[{ step: claimedStep(name, { attempts: 2 }), request: null }]])
  const end = (name: string) => {
    const permit = running.get(name)
    running.delete(name)
    permit?.release()
  }
  return { line, semaphore, add, addLast, end, refused, names: () => [...running.keys()] }
}

describe('PermitLine', () => {
  it('passes over who waits for a full view, and lets them go first when it frees', () => {
    const { add, end, names, line } = setUp({ permitsMax: 3, handlers: { a: 1 } })
    add('a:1', 'a:2', 'b:1')
    add('a:3', 'b:2', 'b:3')
    expect(names()).toEqual(['a:1', 'b:1', 'b:2'])
    end('a:1')
    expect(names()).toEqual(['b:1', 'b:2', 'a:2'])
    expect(line.size).toBe(2)
  })

  it('lets no light step of a full view overtake a heavy one', () => {
    const { add, end, names } = setUp({ permitsMax: 10, languages: { ruby: 3 }, weights: { heavy: 3 } })
    add('light:1', 'light:2', 'heavy', 'light:3')
    end('light:1')
    expect(names()).toEqual(['light:2'])
    end('light:2')
    expect(names()).toEqual(['heavy'])
    end('heavy')
    expect(names()).toEqual(['light:3'])
  })

  it('saves tokens up for a heavy step that is first in line', () => {
    const { add, end, names, line } = setUp({ permitsMax: 3, weights: { heavy: 3 } })
    add('light:1', 'heavy', 'light:2')
    expect([names(), line.needsTokens]).toEqual([['light:1'], true])
    end('light:1')
    expect([names(), line.size]).toEqual([['heavy'], 1])
  })

  it('starts a last attempt ahead of all, or refuses it', () => {
    const { add, addLast, end, names, refused } = setUp({ permitsMax: 2, handlers: { a: 1 } })
    add('a:1', 'a:2')
    addLast('b')
    expect(names()).toEqual(['a:1', 'b'])
    addLast('a:3')
    addLast('c')
    expect(refused).toEqual(['a:3', 'c'])
    end('a:1')
    expect(names()).toEqual(['b', 'a:2'])
  })

  it('hands out what waits when it is dropped', () => {
    const { add, line, semaphore } = setUp({ permitsMax: 1 })
    add('a:1', 'a:2', 'a:3')
    expect(line.drop().map(([first]) => first?.step.stepId)).toEqual(['a:2', 'a:3'])
    expect([line.size, semaphore.free]).toEqual([0, 0])
  })
})
