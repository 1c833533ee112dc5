// The disk of the database runs full while handlers run: a real file system that has no block left.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OwnServer, openOwnServer } from '../fixtures/own-server.ts'
import { openSmallDisk, type SmallDisk } from '../fixtures/small-disk.ts'
import { allStored, dropped, enqueueMany, startOutageWorker } from './outage-worker.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'

let disk: SmallDisk
let server: OwnServer
let steps: StepDatabase

beforeAll(async () => {
  disk = await openSmallDisk(96)
  server = await openOwnServer()
  await server.sql(`CREATE TABLESPACE small LOCATION '${disk.path}'`)
  const { pathname } = new URL(server.url)
  await server.sql(`CREATE DATABASE on_small TEMPLATE ${pathname.slice(1)} TABLESPACE small`)
  const url = new URL(server.url)
  url.pathname = '/on_small'
  steps = await openStepDatabase({}, { url: url.toString(), drop: async () => {} })
}, 120_000)
afterAll(async () => {
  await steps.close()
  await server.end()
  await disk.remove()
}, 60_000)

it('disk full: results wait, the circuit opens, and all are stored once there is room', async () => {
  const large = `{"noise": "${randomBytes(100_000).toString('hex')}"}` as JsonText
  const worker = await startOutageWorker(steps, { handlersWait: true, result: large })
  try {
    const ids = await enqueueMany(steps, 4)
    await eventually('the handlers run', () => worker.worker.running === 4)
    await disk.fill()
    worker.letHandlersEnd()
    const completions = () => worker.circuits.reports()[1]
    await eventually('the circuit opens', () => (completions()?.opened ?? 0) > 0)
    expect(completions()?.lastFailure).toMatch(/takes no work: .*No space left on device.*\(SQLSTATE 53100\)/)
    expect(worker.worker.counters).toMatchObject({ completed: 0, failed: 0 })
    await disk.empty()
    await allStored(steps, ids)
    expect(worker.adapter.seen).toHaveLength(4)
    expect(dropped(worker)).toBe(0)
  } finally {
    await worker.stop()
  }
}, 60_000)
