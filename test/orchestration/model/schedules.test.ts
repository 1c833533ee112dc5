// Two hundred schedules: workflows, retries, deaths, cancels, operators and doubled messages in every mixture; `npm run model` runs more.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../fixtures/database.ts'
import { ModelPlace } from './model-place.ts'
import { runSchedules } from './schedule-runner.ts'

const [firstSeed, schedules, side] = [1, 200, 6]
const databases: TestDatabase[] = []
const places: ModelPlace[] = []
beforeAll(async () => {
  for (let place = 0; place < side; place += 1) {
    const database = await createTestDatabase()
    databases.push(database)
    const made = new ModelPlace(database.url)
    await made.start()
    places.push(made)
  }
})
afterAll(async () => {
  await Promise.all(places.map((place) => place.stop()))
  await Promise.all(databases.map((database) => database.drop()))
})

describe('schedules', () => {
  it(`keep every rule: seeds ${firstSeed} to ${firstSeed + schedules - 1}`, async () => {
    const onRepeat = (text: string) => process.stdout.write(`${text}\n`)
    const { failures, summary, excess } = await runSchedules({ places, firstSeed, schedules, shrink: false, onRepeat })
    process.stdout.write(`${summary}\n`)
    expect([...failures, ...(excess === null ? [] : [excess])].join('\n\n')).toBe('')
  }, 600_000)
})
