// A part of the ten thousand joins; `npm run model -- --diamonds 10000` does them all.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../fixtures/database.ts'
import { joinDiamonds } from './diamonds.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

describe('two orchestrators', () => {
  it('join diamonds of width 2 to 20 whose branches finish in the same millisecond exactly once', async () => {
    expect(await joinDiamonds(database.url, { joins: 240 })).toEqual({ joins: 240, problems: [] })
  }, 240_000)
})
