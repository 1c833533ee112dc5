// pg-boss: in its defaults, and in batches; what handlers return is kept as the job's output.
import { PgBoss } from 'pg-boss'
import { concurrency, handle, jobs, mode, payload, servePeer, url } from './peer.mjs'

const queue = 'noop'
const insertBatch = 5_000
const settings =
  mode === 'batches'
    ? { batchSize: 100, localConcurrency: 4, pollingIntervalSeconds: 0.5, perJobResults: true }
    : { localConcurrency: concurrency }

async function opened() {
  const boss = new PgBoss({ connectionString: url, max: 10 })
  boss.on('error', (error) => process.stderr.write(`${error}\n`))
  await boss.start()
  return boss
}

async function preload() {
  const boss = await opened()
  await boss.createQueue(queue)
  for (let left = jobs; left > 0; left -= insertBatch) {
    await boss.insert(
      queue,
      Array.from({ length: Math.min(left, insertBatch) }, () => ({ data: payload })),
    )
  }
  await boss.stop({ graceful: false })
}

async function open() {
  const boss = await opened()
  return {
    settings,
    work: async () => {
      await boss.work(queue, settings, async (batch) =>
        settings.perJobResults ? batch.map(({ id }) => ({ id, status: 'completed', output: handle() })) : handle(),
      )
      return () => boss.stop({ graceful: false })
    },
  }
}

await servePeer({ packageName: 'pg-boss', preload, open })
