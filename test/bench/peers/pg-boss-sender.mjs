// Sends jobs to pg-boss through its own interface.
import { PgBoss } from 'pg-boss'
import { NotedPool } from './noted-pool.mjs'

/** `send` resolves with the number of the transaction once it is committed. */
export async function openSender(url) {
  const pool = new NotedPool(url)
  const boss = new PgBoss({ connectionString: url, max: 2, supervise: false, schedule: false, migrate: false })
  boss.on('error', (error) => process.stderr.write(`${error}\n`))
  await boss.start()
  const db = { executeSql: (text, values) => pool.query(text, values) }
  return {
    send: async (key) => pool.transactionOf(await boss.send('noop', { key }, { db })),
    close: async () => {
      await boss.stop({ graceful: false })
      await pool.end()
    },
  }
}
