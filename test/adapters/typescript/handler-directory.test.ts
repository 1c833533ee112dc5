// Which handler a callable reaches.
import { describe, expect, it } from 'vitest'
import { HandlerDirectory, type LoadedHandler } from '../../../runtimes/typescript/src/handler-directory.ts'
import { StepHandler } from '../../../runtimes/typescript/src/step-handler.ts'

function loaded(callable: string, aliases: readonly string[]): LoadedHandler {
  class Handler extends StepHandler {
    call() {
      return this.success()
    }
  }
  return { handlerClass: Handler, callable, aliases, version: '1.0.0', file: `${callable}.ts`, root: '/handlers' }
}

const directory = new HandlerDirectory([
  loaded('shop.charge', ['Charge', 'Shared', 'shop.ship']),
  loaded('shop.ship', ['Ship', 'Shared']),
])
const reached = (callable: string, resolver: string | null) => directory.resolve(callable, resolver).handler?.callable

describe('HandlerDirectory', () => {
  it('finds declared names first, then aliases', () => {
    expect(reached('shop.charge', null)).toBe('shop.charge')
    expect(reached('Charge', null)).toBe('shop.charge')
    expect(reached('shop.ship', null)).toBe('shop.ship')
  })

  it('honours the resolver', () => {
    expect(reached('shop.charge', 'explicit_mapping')).toBe('shop.charge')
    expect(reached('Charge', 'explicit_mapping')).toBeUndefined()
    expect(reached('Charge', 'class_lookup')).toBe('shop.charge')
    expect(reached('shop.charge', 'class_lookup')).toBeUndefined()
    expect(directory.resolve('Charge', 'own_resolver').problem).toContain('"own_resolver" is unknown')
  })

  it('gives a shared alias to nobody and announces only what reaches', () => {
    expect(reached('Shared', null)).toBeUndefined()
    expect(directory.entries().map(({ aliases }) => aliases)).toEqual([['Charge'], ['Ship']])
  })
})
