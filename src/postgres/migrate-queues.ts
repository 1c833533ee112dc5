// Brings a database that holds the queues alone (split mode) to what they need: schema pgmq, and Tasker's functions around it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError } from '../model/host-error.ts'
import type { Database } from './database.ts'
import { migrationsDirectory } from './schema-state.ts'
import type { Queryable } from './statement.ts'

const pgmqMigration = '0002_pgmq.sql'
const functionsMigration = '0005_tasker_functions_queues.sql'
/** Any number that nothing else locks. */
const lockKey = 7_305_511_806

interface QueueSchema {
  readonly pgmq: boolean
  readonly pgmq_available: boolean
  readonly functions: boolean
}

/** Creates what is missing and keeps what is there, whoever made it: a step per transaction, named in the answer. Rejects with a HostError. */
export async function migrateQueues(database: Database): Promise<readonly string[]> {
  const applied: string[] = []
  for (;;) {
    const step = await database.transaction(runNext)
    if (step === null) return applied
    applied.push(step)
  }
}

/** Rejects with SCHEMA_MISSING, naming what is not there. */
export async function requireQueueSchema(database: Queryable): Promise<void> {
  const { pgmq, functions } = await queueSchema(database)
  const lacks = [...(pgmq ? [] : ['schema pgmq']), ...(functions ? [] : ['function tasker.pgmq_send_with_notify'])]
  if (lacks.length > 0) throw new HostError('SCHEMA_MISSING', `The queue database lacks ${lacks.join(', ')}`)
}

async function runNext(q: Queryable): Promise<string | null> {
  await q.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [lockKey] })
  const { pgmq, pgmq_available: available, functions } = await queueSchema(q)
  if (!pgmq && available) {
    await q.query({ text: 'CREATE EXTENSION pgmq CASCADE' })
    return 'extension pgmq'
  }
  if (!pgmq) return runFile(q, pgmqMigration)
  if (functions) return null
  await q.query({ text: 'CREATE SCHEMA IF NOT EXISTS tasker' })
  return runFile(q, functionsMigration)
}

async function runFile(q: Queryable, file: string): Promise<string> {
  await q.query({ text: await readFile(join(migrationsDirectory, file), 'utf8') })
  return file
}

async function queueSchema(database: Queryable): Promise<QueueSchema> {
  const [found] = await database.query<QueueSchema>({
    text: `
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'pgmq') AS pgmq,
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pgmq') AS pgmq_available,
       EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = 'tasker' AND p.proname = 'pgmq_send_with_notify') AS functions`,
  })
  return found ?? { pgmq: false, pgmq_available: false, functions: false }
}
