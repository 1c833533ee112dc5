// Sends jobs to BullMQ through its own interface.
import { createPostgresBackend, Queue } from 'bullmq'
import { NotedPool } from './noted-pool.mjs'

/** `send` resolves with the number of the transaction once it is committed. */
export async function openSender(url) {
  const pool = new NotedPool(url, { options: '-c search_path=bullmq' })
  const queue = new Queue('noop', { connection: pool }, createPostgresBackend)
  await queue.waitUntilReady()
  return {
    send: async (key) => pool.transactionOf((await queue.add('noop', { key })).id),
    close: async () => {
      await queue.close()
      await pool.end()
    },
  }
}
