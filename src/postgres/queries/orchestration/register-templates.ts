// Registers templates as a worker or an orchestrator finds them: queues first, then namespaces, then templates.

import { HostError } from '../../../model/host-error.ts'
import { resultQueue } from '../../../model/step-message.ts'
import { stepCountProblem, type TaskTemplate, templateKey } from '../../../model/template.ts'
import { checkSteps } from '../../../model/template-check.ts'
import type { Queryable } from '../../statement.ts'

/** Limits of the columns and of queue names. Source: wire-protocol §1.3. */
const limits = { namespace: 29, name: 64, version: 16, step: 128 } as const
const namespacePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
const orchestrationQueues = [resultQueue, 'orchestration_task_requests', 'orchestration_task_finalizations']

/**
 * Creates or updates every template; safe when several processes do it at once. Sending to a queue that is missing is an error, so queues
 * come first (wire-protocol §3.1). Resolves with the keys of those that were written: new ones, and those that were different.
 * Rejects with TEMPLATE_INVALID before anything is written.
 */
export async function registerTemplates(
  database: Queryable,
  templates: readonly TaskTemplate[],
  queues: Queryable = database,
): Promise<readonly string[]> {
  for (const template of templates) checkNames(template)
  const namespaces = [...new Set(templates.map((template) => template.namespace))].sort()
  await createQueues(queues, namespaces)
  if (templates.length === 0) return []
  await database.query({ name: 'register-namespaces', text: namespacesText, values: [namespaces] })
  const sorted = [...new Map(templates.map((template) => [templateKey(template), template])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, template]) => template)
  const written = await database.query<{ namespace: string; name: string; version: string }>({
    name: 'register-templates',
    text: templatesText,
    values: [
      sorted.map((template) => template.namespace),
      sorted.map((template) => template.name),
      sorted.map((template) => template.version),
      sorted.map((template) => template.description?.slice(0, 255) ?? null),
      sorted.map((template) => template.configuration),
    ],
  })
  return written.map(templateKey).sort()
}

/** The three queues of orchestration and those of the namespaces. */
export async function createQueues(database: Queryable, namespaces: readonly string[]): Promise<void> {
  const queues = namespaces.flatMap((namespace) => [
    `worker_${namespace}_queue`,
    `${namespace}_domain_events`,
    `${namespace}_domain_events_dlq`,
  ])
  await database.query({ name: 'create-queues', text: queuesText, values: [[...orchestrationQueues, ...queues]] })
}

function checkNames(template: TaskTemplate): void {
  const key = templateKey(template)
  const refuse = (message: string): never => {
    throw new HostError('TEMPLATE_INVALID', `Template ${key}: ${message}`)
  }
  if (!namespacePattern.test(template.namespace)) {
    refuse('the namespace must be letters, digits and underscores and not begin with a digit')
  }
  const named = { namespace: template.namespace, name: template.name, version: template.version }
  for (const [field, text] of Object.entries(named) as [keyof typeof named, string][]) {
    if (text === '') refuse(`${field} must not be empty`)
    if ([...text].length > limits[field]) refuse(`${field} has more than ${limits[field]} characters`)
  }
  const tooMany = stepCountProblem(template.steps.length)
  if (tooMany !== null) refuse(`it ${tooMany}`)
  for (const step of template.steps) {
    if ([...step.name].length > limits.step)
      refuse(`the step name ${step.name} has more than ${limits.step} characters`)
  }
  const [fault] = checkSteps(template.steps)
  if (fault !== undefined) refuse(`steps[${fault.stepIndex}]: ${fault.message}`)
}

// Creating a queue that exists is legal but takes locks, so only missing ones are created; the lock of the transaction keeps two
// boots from creating one queue at once. Queue tables have lower-case names.
const queuesText = `
WITH alone AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(hashtextextended('stephost.create-queues', 0))
   WHERE EXISTS (SELECT FROM unnest($1::text[]) AS q(name)
                  WHERE NOT EXISTS (SELECT FROM pgmq.meta m WHERE lower(m.queue_name) = lower(q.name)))
)
SELECT pgmq.create(q.name)
  FROM alone, unnest($1::text[]) AS q(name)
 WHERE NOT EXISTS (SELECT FROM pgmq.meta m WHERE lower(m.queue_name) = lower(q.name))`

const namespacesText = `
INSERT INTO tasker.task_namespaces (name, description, created_at, updated_at)
SELECT n, 'Auto-created namespace: ' || n, now(), now() FROM unnest($1::text[]) AS n
ON CONFLICT (name) DO NOTHING`

// Sorted by key on the way in: two boots that update the same rows must lock them in one order. An unchanged template is not written again.
// Whoever keeps what was read of a template asks for its updated_at, so that one moves with every change, whatever the clock does.
const templatesText = `
WITH written AS (
INSERT INTO tasker.named_tasks AS t
       (task_namespace_uuid, name, description, version, configuration, created_at, updated_at, identity_strategy)
SELECT ns.task_namespace_uuid, g.name, g.description, g.version, g.configuration::jsonb, now(), now(),
       CASE WHEN g.configuration::jsonb ->> 'identity_strategy' IN ('caller_provided', 'always_unique')
            THEN (g.configuration::jsonb ->> 'identity_strategy')::tasker.identity_strategy ELSE 'strict' END
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       WITH ORDINALITY AS g(namespace, name, version, description, configuration, position)
  JOIN tasker.task_namespaces ns ON ns.name = g.namespace
 ORDER BY g.position
ON CONFLICT (task_namespace_uuid, name, version) DO UPDATE
   SET description = coalesce(excluded.description, t.description), configuration = excluded.configuration,
       identity_strategy = excluded.identity_strategy,
       updated_at = greatest(now()::timestamp, t.updated_at + interval '1 microsecond')
 WHERE t.configuration IS DISTINCT FROM excluded.configuration OR t.description IS DISTINCT FROM coalesce(excluded.description, t.description)
RETURNING t.task_namespace_uuid, t.name, t.version
)
SELECT ns.name AS namespace, w.name, w.version FROM written w JOIN tasker.task_namespaces ns USING (task_namespace_uuid)`
