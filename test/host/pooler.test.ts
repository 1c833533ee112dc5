// Behind a real pgbouncer in transaction mode: LISTEN hears nothing and says why, and a worker whose LISTEN goes elsewhere runs.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { Listener } from '../../src/postgres/listener.ts'
import { notifyChannels } from '../../src/postgres/queries/notify-channels.ts'
import { done, never } from '../dispatch/listening-worker.ts'
import { ScriptedAdapter } from '../dispatch/scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from '../dispatch/step-database.ts'
import { success } from '../dispatch/steps.ts'
import { startWorker } from '../dispatch/workers.ts'
import { type Pgbouncer, startPgbouncer } from '../fixtures/pgbouncer.ts'

let steps: StepDatabase
let pgbouncer: Pgbouncer
const ends: (() => Promise<void>)[] = []
beforeAll(async () => {
  steps = await openStepDatabase()
  pgbouncer = await startPgbouncer(steps.url)
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
afterAll(async () => {
  await pgbouncer.stop()
  await steps.close()
})

function pooledDatabase(options: { url?: string; transactionPooler: boolean }): Database {
  return new Database({
    url: pgbouncer.url,
    applicationName: 'pooled',
    connectionsMax: 6,
    acquireTimeoutMs: 10_000,
    ...options,
  })
}

function send(database: Database) {
  return (channel: string, payload: string) => notifyChannels(database, [channel], payload)
}

describe('a pooler that hears of nothing', () => {
  it('is named, with what to set, where it refuses our session settings', async () => {
    await expect(pooledDatabase({ transactionPooler: false }).start()).rejects.toMatchObject({
      code: 'DATABASE_POOLED',
      message: expect.stringMatching(/is a pooler that takes no session settings: unsupported startup parameter/),
      hint: expect.stringContaining('common.database.pooler = "transaction"'),
    })
  })

  it('is told what its account lacks, by the statements that give it', async () => {
    await expect(pooledDatabase({ transactionPooler: true }).start()).rejects.toMatchObject({
      code: 'DATABASE_POOLED',
      message: expect.stringMatching(
        /search_path is .*ALTER ROLE ".*" IN DATABASE "test_\w+" SET search_path = tasker, public/,
      ),
    })
  })

  it('is told of a style of dates in which no handler could read them', async () => {
    const role = await account()
    await steps.database.query({ text: `${role} SET DateStyle = 'SQL, DMY'` })
    // Its server connections must see it, so it is a fresh one.
    const fresh = await startPgbouncer(steps.url)
    ends.push(() => fresh.stop())
    await expect(pooledDatabase({ url: fresh.url, transactionPooler: true }).start()).rejects.toMatchObject({
      code: 'DATABASE_POOLED',
      message: expect.stringMatching(/the style of dates is "SQL, DMY".* SET DateStyle = 'ISO'/),
    })
    await steps.database.query({ text: `${role} RESET DateStyle` })
  })

  it('is named as the reason why LISTEN hears nothing, once the probe did not come back', async () => {
    // Settings in the startup packet are ignored by a pooler of this kind, as hosted ones do.
    const lenient = await startPgbouncer(steps.url, { ignore_startup_parameters: 'options,statement_timeout' })
    ends.push(() => lenient.stop())
    const listener = new Listener({
      url: lenient.url,
      applicationName: 'pooled listener',
      answerTimeoutMs: 500,
      send: send(steps.database),
    })
    ends.push(() => listener.stop())
    await listener.start()
    expect(listener.arriving).toBe(false)
    expect(listener.health().message).toMatch(/pooler/)
    expect(listener.health().message).toMatch(/transaction mode/)
  })
})

describe('a worker whose pool is behind pgbouncer in transaction mode', () => {
  it('claims, runs, stores and hears through listen_url, without a poll', async () => {
    await giveSettingsToAccount()
    // Its server connections must see them, so it is a fresh one.
    const fresh = await startPgbouncer(steps.url)
    ends.push(() => fresh.stop())
    const database = pooledDatabase({ url: fresh.url, transactionPooler: true })
    await database.start()
    ends.push(() => database.stop())
    const listener = new Listener({ url: steps.url, applicationName: 'direct listener', send: send(database) })
    await listener.start()
    ends.push(() => listener.stop())
    expect(listener.health()).toMatchObject({ arriving: true, message: null })
    const worker = await startWorker({ ...steps, database }, new ScriptedAdapter(async (request) => success(request)), {
      ...{ mode: 'EventDrivenOnly', pollIntervalMs: never, wakeUps: listener, prefetchMax: 4 },
    })
    ends.push(() => worker.stop())
    const all = []
    for (let count = 0; count < 40; count += 1) all.push(await steps.enqueue())
    for (const step of all) await done(steps, step)
    expect(worker.counters).toMatchObject({ claimed: 40 })
    expect(worker.claimFault).toBeNull()
  })
})

/** As the README tells people to. The account is everybody's, so only for this database. */
async function giveSettingsToAccount(): Promise<void> {
  const role = await account()
  await steps.database.query({ text: `${role} SET search_path = tasker, public` })
  await steps.database.query({ text: `${role} SET TimeZone = 'UTC'` })
  await steps.database.query({ text: `${role} SET DateStyle = 'ISO'` })
}

/** The first words of a statement that gives it a setting. */
async function account(): Promise<string> {
  const [row] = await steps.database.query<{ user: string; database: string }>({
    text: 'SELECT current_user AS user, current_database() AS database',
  })
  return `ALTER ROLE "${row?.user}" IN DATABASE "${row?.database}"`
}
