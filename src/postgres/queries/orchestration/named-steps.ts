// Enters the names of steps, which all templates share.

import type { Queryable } from '../../statement.ts'

/** Those that are new. */
export async function insertNamedSteps(database: Queryable, names: readonly string[]): Promise<void> {
  await database.query({ name: 'insert-named-steps', text: namedStepsText, values: [[...new Set(names)]] })
}

// Sorted, so that two creations of one new template cannot wait for each other in a ring.
const namedStepsText = `
INSERT INTO tasker.named_steps (name, description, created_at, updated_at)
SELECT n, 'Step ' || n, now(), now()
  FROM unnest($1::text[]) AS n
 WHERE NOT EXISTS (SELECT FROM tasker.named_steps s WHERE s.name = n)
 ORDER BY n
ON CONFLICT (name) DO NOTHING`
