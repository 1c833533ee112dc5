// A process that works steps off with our own statements and nothing else: claim, hydrate, complete, in a few loops side by side.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClaimId, WorkerId } from '../../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../../src/model/json-text.ts'
import type { FinishedStep } from '../../../src/model/step-store.ts'
import { Database } from '../../../src/postgres/database.ts'
import { PgmqClaimSource } from '../../../src/postgres/pgmq-claim-source.ts'
import { PostgresStepStore } from '../../../src/postgres/postgres-step-store.ts'
import { namespace } from './step-preload.ts'

const [url = '', count = '0', loops = '2', batch = '200'] = process.argv.slice(2)
const steps = Number(count)
const batchSize = Number(batch)
const leaseMs = 15_000
const heartbeatMs = 3_000
const emptyPauseMs = 5
const guest = randomUUID().slice(0, 8)

let completed = 0
let invocations = 0
const claims = { all: 0, lost: 0 }

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function result(): JsonText {
  invocations += 1
  const document = { guest, n: String(invocations).padStart(8, '0'), fill: '.'.repeat(19) }
  return JSON.stringify(document) as string as JsonText
}

async function loop(database: Database): Promise<void> {
  const workerId = randomUUID() as string as WorkerId
  const store = new PostgresStepStore(database, { leaseMs })
  const source = new PgmqClaimSource(database, {
    ...{ namespaces: [namespace], onClaim: 'archive' },
    ...{ foreignRetryMs: 1_000, foreignGraceMs: 60_000 },
  })
  await store.register({ workerId, host: 'bench', namespaces: [namespace], runnable: [] })
  const heartbeat = setInterval(() => void store.heartbeat(workerId, { runnable: null }).catch(() => {}), heartbeatMs)
  const named = await store.load([namespace])
  const runnable = named.flatMap(({ namedTaskId, steps }) =>
    steps.map(({ name }) => ({ namedTaskId, templateStep: name })),
  )
  try {
    while (completed < steps) {
      const claimId = randomUUID() as string as ClaimId
      const claim = await source.claim({ workerId, claimId, free: batchSize, prefetch: 0, runnable })
      // At the very end there is not enough for all, and nobody has lost anything.
      const plenty = completed + 2 * Number(loops) * batchSize < steps
      claims.all += plenty ? 1 : 0
      if (claim.steps.length === 0) {
        // Work was there and others took it all: a lost claim.
        claims.lost += plenty && claim.leftBehind ? 1 : 0
        await delay(emptyPauseMs)
        continue
      }
      const requests = await store.hydrate(claim.steps)
      const finished = claim.steps
        .filter((step) => requests.has(step.stepId))
        .map((step): FinishedStep => {
          const done = { success: true, result: result(), metadata: emptyObject, executionTimeMs: 0 } as const
          return { step, result: { ...done, stepId: step.stepId, outcome: null }, runtime: 'typescript', request: null }
        })
      const answers = await store.complete(workerId, finished)
      completed += answers.filter(({ status }) => status === 'stored').length
    }
  } finally {
    clearInterval(heartbeat)
  }
  await store.leave(workerId, { unknownClaims: false })
}

async function main(): Promise<void> {
  const database = new Database({
    // As the step path's own pool.
    ...{ url, applicationName: 'stephost bench statements', byKey: true },
    ...{ connectionsMax: Number(loops) + 1, acquireTimeoutMs: 10_000 },
  })
  await database.start()
  const orders = createInterface({ input: process.stdin })
  say({ ready: true })
  await Promise.all(Array.from({ length: Number(loops) }, () => loop(database)))
  say({ event: 'finished', claims: claims.all, lostClaims: claims.lost })
  await once(orders, 'line')
  orders.close()
  await database.stop()
}

await main()
