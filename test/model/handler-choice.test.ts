// Which handler a callable means, and when it means none.
import { describe, expect, it } from 'vitest'
import type { HandlerDescriptor, RuntimeName } from '../../src/model/handler.ts'
import { chooseHandler, findHandlers } from '../../src/model/handler-choice.ts'

function handler(runtime: RuntimeName, callable: string, more: Partial<HandlerDescriptor> = {}): HandlerDescriptor {
  return {
    ...{ runtime, callable, aliases: [], file: `${callable}.x`, root: '/a', version: '1.0.0' },
    ...{ capabilities: [], dependsOn: [], batch: null, onCrash: 'backoff' },
    ...more,
  }
}

const none = { runtime: null, root: null }

describe('findHandlers', () => {
  const byName = handler('python', 'shop.charge')
  const byClass = handler('ruby', 'charge', { aliases: ['Shop::Charge'] })
  const byStep = handler('rust', 'charge_card')

  it.each([
    ['the declared name', 'shop.charge', byName],
    ['a class name', 'Shop::Charge', byClass],
    ['the end of a Ruby constant path', 'Charge', byClass],
    ['the template step, for Rust alone', 'crate::step_handlers::Whatever', byStep],
  ])('finds by %s', (_rule, callable, expected) => {
    expect(findHandlers([byName, byClass, byStep], callable, 'charge_card')).toEqual([expected])
  })

  it('prefers an exact name to an alias of another handler', () => {
    const alias = handler('python', 'other', { aliases: ['shop.charge'] })
    expect(findHandlers([alias, byName], 'shop.charge', 'x')).toEqual([byName])
  })

  it('finds nothing for a name that nobody has', () => {
    expect(findHandlers([byName, byClass], 'shop.refund', 'refund')).toEqual([])
  })
})

describe('chooseHandler', () => {
  const ruby = handler('ruby', 'charge', { root: '/ruby' })
  const python = handler('python', 'charge', { root: '/python' })

  it('takes the only one whatever is preferred', () => {
    expect(chooseHandler([ruby], { runtime: null, root: '/python' })).toBe(ruby)
  })

  it('leaves a name of two languages undecided', () => {
    expect(chooseHandler([ruby, python], none)).toBeNull()
  })

  it("takes the namespace's language", () => {
    expect(chooseHandler([ruby, python], { runtime: 'python', root: '/ruby' })).toBe(python)
  })

  it("takes the handler of the template's own root", () => {
    expect(chooseHandler([ruby, python], { runtime: null, root: '/ruby' })).toBe(ruby)
  })

  it('takes none when the namespace belongs to a language that does not have it', () => {
    expect(chooseHandler([ruby, python], { runtime: 'rust', root: null })).toBeNull()
  })
})
