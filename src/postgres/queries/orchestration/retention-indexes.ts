// The indexes without which the removal of a task reads whole tables: some are asked for its rows, others by the keys that refer to what goes.

import { HostError } from '../../../model/host-error.ts'
import { schemaState } from '../../schema-state.ts'
import type { Queryable } from '../../statement.ts'

const needed = [
  ['workflow_step_result_audit', 'workflow_step_transition_uuid'],
  ['workflow_step_result_audit', 'task_uuid'],
  ['task_transitions', 'task_uuid'],
  ['tasks_dlq', 'task_uuid'],
] as const

/**
 * Must run in a transaction of its own, for writers wait while an index is made. They are no part of the migrations because every result would
 * pay for them, also where nothing is ever removed. Rejects with DATABASE_FAULT beside Tasker's schema, which is not ours to alter.
 */
export async function makeRetentionIndexes(transaction: Queryable): Promise<void> {
  const missing = await transaction.query<{ table_name: string; column_name: string }>({
    name: 'missing-retention-indexes',
    text: missingText,
    values: [needed.map(([table]) => table), needed.map(([, column]) => column)],
  })
  if (missing.length === 0) return
  const statements = missing.map(({ table_name: table, column_name: column }) => `ON tasker.${table} (${column})`)
  if ((await schemaState(transaction)).tasker === 'foreign') {
    const cure = statements.map((place) => `CREATE INDEX CONCURRENTLY ${place}`).join('; ')
    throw new HostError(
      'DATABASE_FAULT',
      `Tasks are not removed, because each would read whole tables; first run: ${cure}`,
    )
  }
  await transaction.query({ text: `SELECT pg_advisory_xact_lock(hashtextextended('stephost.retention-indexes', 0))` })
  for (const [index, place] of statements.entries()) {
    const { table_name: table, column_name: column } = missing[index] ?? { table_name: '', column_name: '' }
    await transaction.query({
      text: `CREATE INDEX IF NOT EXISTS idx_stephost_retention_${shortened(table)}_${shortened(column)} ${place}`,
    })
  }
}

/** Names of indexes have 63 characters at most. */
function shortened(name: string): string {
  return name.replace('workflow_step_', '').replace('_uuid', '')
}

/** Audit rows are asked by enforced keys alone; ours are found by their step (migrations 0011 and 0018). PostgreSQL 17 enforces all keys, and has no word for it. */
const missingText = `
SELECT n.table_name, n.column_name
  FROM unnest($1::text[], $2::text[]) AS n(table_name, column_name)
 WHERE NOT EXISTS (
   SELECT FROM pg_catalog.pg_index i
     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = ('tasker.' || n.table_name)::regclass AND a.attname = n.column_name AND i.indpred IS NULL AND i.indisvalid)
   AND (n.table_name <> 'workflow_step_result_audit' OR EXISTS (
     SELECT FROM pg_catalog.pg_constraint k
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
      WHERE k.conrelid = ('tasker.' || n.table_name)::regclass AND k.contype = 'f' AND a.attname = n.column_name
        AND (to_jsonb(k) ->> 'conenforced')::bool IS NOT FALSE))`
