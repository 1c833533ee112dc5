// Our worker where messages come one by one.
import { once } from 'node:events'
import pg from 'pg'
import { stepResults } from './latencies.ts'
import { type Answers, type MessageSystem, type MessageWork, totalOf } from './message-system.ts'
import { allStored } from './our-drain.ts'
import { patienceFor } from './patience.ts'
import { namespace, stepQueue } from './step-preload.ts'
import { systemNames } from './system-names.ts'
import { settingsFacts } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

const answerTimeoutMs = 30_000
/** Where our own completion announces a batch of results. */
const channel = 'pgmq_message_ready.orchestration'
/** One thread would be that of a handler that computes alone. */
const hogSettings = { 'runtimes.typescript.threads': 2 }

const template = (work: MessageWork) => `${work}_typescript`

const sendStep = `
SELECT tasker.pgmq_send_with_notify('${stepQueue}', jsonb_build_object('task_uuid', s.task_uuid, 'step_uuid', s.workflow_step_uuid,
         'correlation_id', k.correlation_id), 0), pg_current_xact_id()::text AS xid
  FROM tasker.workflow_steps s JOIN tasker.tasks k USING (task_uuid) WHERE s.workflow_step_uuid = $1::uuid`

const stepKeys = (step: string) =>
  `SELECT s.workflow_step_uuid::text AS key FROM tasker.workflow_steps s
     JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid WHERE n.name = '${step}' ORDER BY 1`

/** Keys are step ids. */
export const ourMessages: MessageSystem = {
  name: systemNames.ours,
  beside: null,
  sequenceShare: 1,
  with: (bench, counts, work) => {
    const settings = counts.spin === undefined ? {} : hogSettings
    const total = totalOf(counts)
    const works = ['stamp', 'sleep', 'spin'] as const
    const preloads = works.flatMap((name) => {
      const count = counts[name]
      return count === undefined ? [] : [{ count, templates: [template(name)], messages: false }]
    })
    const place = {
      name: `${namespace}_messages`,
      languages: ['typescript'] as const,
      preloads,
      listener: true,
      settings,
    }
    return WorkerStand.with(bench, place, async (stand) => {
      const facts = settingsFacts(bench.options, settings)
      return work({
        url: stand.url,
        database: stand.database,
        send: sendStep,
        keys: (name) => stepKeys(template(name)),
        results: (name) => stepResults(template(name)),
        adopt: (child) => stand.adopt(child),
        worker: async () => ({ process: await stand.worker(), facts }),
        settled: (worker) => allStored(stand.database, total, worker, patienceFor.messages),
        answers: () => announcedResults(stand.url),
        verify: () => stand.verify(total, false),
      })
    })
  },
}

async function announcedResults(url: string): Promise<Answers> {
  const listener = new pg.Client({ connectionString: url, application_name: 'stephost bench listener' })
  listener.on('error', () => {})
  await listener.connect()
  await listener.query(`LISTEN "${channel}"`)
  return {
    next: () => {
      const heard = once(listener, 'notification', { signal: AbortSignal.timeout(answerTimeoutMs) })
      // Whoever sends may fail before it asks for the answer.
      heard.catch(() => {})
      return () => heard
    },
    close: () => listener.end(),
  }
}
