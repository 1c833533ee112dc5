// Suggestions: near names only, the nearest first.
import { describe, expect, it } from 'vitest'
import { nearestName, suggestion } from '../../src/model/nearest-name.ts'

describe('nearestName', () => {
  it.each([
    ['reserve_stcok', 'reserve_stock'],
    ['receit', 'receipt'],
    ['vaidate', 'validate'],
  ])('finds for %s the name %s', (name, meant) => {
    expect(nearestName(name, ['charge', 'receipt', 'reserve_stock', 'validate'])).toBe(meant)
  })

  it('counts a swap of neighbours as one edit', () => {
    expect(nearestName('acb', ['abc', 'xyz'])).toBe('abc')
  })

  it('prefers the nearest and finds nothing far away', () => {
    expect(nearestName('steps', ['stamps', 'step'])).toBe('step')
    expect(nearestName('order', ['charge', 'receipt'])).toBeNull()
    expect(suggestion('order', ['charge'])).toBe('')
  })
})
