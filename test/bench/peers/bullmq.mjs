// BullMQ on its PostgreSQL backend; what handlers return is kept with the finished job.
import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq'
import pg from 'pg'
import { concurrency, handle, jobs, payload, servePeer, url } from './peer.mjs'

const name = 'noop'
const insertBatch = 5_000
const options = { connection: { connectionString: url, max: concurrency + 2 } }

async function preload() {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await runMigrations(client)
  await client.end()
  const queue = new Queue(name, options, createPostgresBackend)
  for (let left = jobs; left > 0; left -= insertBatch) {
    await queue.addBulk(Array.from({ length: Math.min(left, insertBatch) }, () => ({ name, data: payload })))
  }
  await queue.close()
}

async function open() {
  const worker = new Worker(
    name,
    async ({ data }) => handle(data),
    { ...options, concurrency, autorun: false },
    createPostgresBackend,
  )
  worker.on('error', (error) => process.stderr.write(`${error}\n`))
  await worker.waitUntilReady()
  return {
    settings: { concurrency, removeOnComplete: false },
    work: async () => {
      void worker.run()
      return () => worker.close()
    },
  }
}

await servePeer({ packageName: 'bullmq', preload, open })
