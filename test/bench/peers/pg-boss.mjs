// pg-boss: in its defaults, and in batches; what handlers return is kept as the job's output.
import { PgBoss } from 'pg-boss'
import { concurrency, handle, jobs, mode, payload, servePeer, url } from './peer.mjs'

const queue = 'noop'
const insertBatch = 5_000
/** Without `burstWhenBatchFull` each of the four would rest after every hundred jobs. */
const batches = {
  ...{ batchSize: 100, localConcurrency: 4, perJobResults: true },
  ...{ pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
}
const settings = mode === 'defaults' ? { localConcurrency: concurrency } : batches
/** LISTEN/NOTIFY: workers hear of a job at once; what waits already is found as without it. */
const listens = mode === 'listening'

async function opened() {
  const boss = new PgBoss({ connectionString: url, max: 10, useListenNotify: listens })
  boss.on('error', (error) => process.stderr.write(`${error}\n`))
  await boss.start()
  return boss
}

async function preload() {
  const boss = await opened()
  await boss.createQueue(queue, { notify: listens })
  for (let left = jobs; left > 0; left -= insertBatch) {
    await boss.insert(
      queue,
      Array.from({ length: Math.min(left, insertBatch) }, () => ({ data: payload })),
    )
  }
  await boss.stop({ graceful: false })
}

const eachHandled = (batch) =>
  Promise.all(batch.map(async ({ id, data }) => ({ id, status: 'completed', output: await handle(data) })))

async function open() {
  const boss = await opened()
  return {
    settings: { ...settings, useListenNotify: listens },
    work: async () => {
      await boss.work(queue, settings, async (batch) =>
        settings.perJobResults ? eachHandled(batch) : handle(batch[0].data),
      )
      // What has begun is to be stored: an end in its midst would look like a result that was lost.
      return () => boss.stop({ graceful: true })
    },
  }
}

await servePeer({ packageName: 'pg-boss', preload, open })
