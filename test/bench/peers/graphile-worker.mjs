// graphile-worker: in its defaults, tuned as its documentation tells, and tuned without a stored result.
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import { concurrency, handle, jobs, mode, payload, servePeer, url } from './peer.mjs'

const logger = new Logger(() => () => {})
const tuned = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
const poolSize = concurrency + 2

async function preload() {
  const utils = await makeWorkerUtils({ connectionString: url, logger })
  await utils.migrate()
  await utils.withPgClient(async (client) => {
    await client.query('CREATE TABLE bench_results (job_id bigint PRIMARY KEY, result jsonb NOT NULL)')
    const text = `SELECT count(*) FROM graphile_worker.add_jobs(
      ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec, json_build_object('identifier', 'noop', 'payload', $1::json))
              FROM generate_series(1, $2::int)))`
    await client.query(text, [JSON.stringify(payload), jobs])
  })
  await utils.release()
}

const stored = async (data, { job, withPgClient }) => {
  const result = JSON.stringify(await handle(data, job.attempts))
  await withPgClient((client) => client.query({ ...insert, values: [job.id, result] }))
}
const insert = { name: 'insert-result', text: 'INSERT INTO bench_results (job_id, result) VALUES ($1, $2)' }

const unstored = async () => {
  handle()
}

async function open() {
  const pgPool = new pg.Pool({ connectionString: url, max: poolSize })
  pgPool.on('error', () => {})
  await pgPool.query('SELECT 1')
  const worker = mode === 'defaults' ? {} : tuned
  const taskList = { noop: mode === 'tuned-unstored' ? unstored : stored }
  return {
    settings: { concurrency, poolSize, ...worker, stored: mode !== 'tuned-unstored' },
    work: async () => {
      const runner = await run({
        pgPool,
        taskList,
        logger,
        noHandleSignals: true,
        preset: { worker: { concurrentJobs: concurrency, ...worker } },
      })
      return async () => {
        await runner.stop()
        await pgPool.end()
      }
    },
  }
}

await servePeer({ packageName: 'graphile-worker', preload, open })
