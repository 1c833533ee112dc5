// Namespaces that somebody else registers while a worker runs: found by the notification of their queue, and served where a callable fits.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FoundNamespaces, type FoundNamespacesParts } from '../../src/dispatch/found-namespaces.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskTemplate } from '../../src/model/template.ts'
import { loadNamedTasks } from '../../src/postgres/queries/load-named-tasks.ts'
import { createQueues, registerTemplates } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { unservedNamespaces } from '../../src/postgres/queries/unserved-namespaces.ts'
import { eventually } from '../fixtures/eventually.ts'
import { done, type ListeningWorker, never, startListeningWorker } from './listening-worker.ts'
import { handlerDescriptor } from './scripted-adapter.ts'
import { oneStepTemplate, openStepDatabase, type StepDatabase } from './step-database.ts'

let steps: StepDatabase
let listening: ListeningWorker
let found: FoundNamespaces | null = null
let looks = 0
const infos: string[] = []
const warnings: string[] = []

beforeEach(async () => {
  steps = await openStepDatabase()
  listening = await startListeningWorker(steps, { mode: 'EventDrivenOnly', namespaces: [] })
  looks = 0
  for (const said of [infos, warnings]) said.length = 0
})
afterEach(async () => {
  await found?.stop()
  found = null
  await listening.stop()
  await steps.close()
})

async function find(
  { soonMs = never, lookEveryMs = never } = {},
  changes: Partial<FoundNamespacesParts> = {},
): Promise<FoundNamespaces> {
  const { worker, listener } = listening
  found = new FoundNamespaces(
    { soonMs, lookEveryMs },
    {
      source: {
        load: (namespaces) => loadNamedTasks(steps.database, namespaces),
        unserved: async (served) => {
          const unserved = await unservedNamespaces(steps.database, served)
          looks += 1
          return unserved
        },
      },
      directory: worker.directory,
      served: () => worker.namespaces,
      serve: (names) => worker.serveNamespaces(names),
      wakeUps: listener,
      events: { info: (message) => infos.push(message), warning: (message) => warnings.push(message) },
      ...changes,
    },
  )
  await found.start()
  return found
}

function template(namespace: string, callable = 'work'): TaskTemplate {
  const made = oneStepTemplate()
  const configuration = made.configuration
    .replace('"shop"', JSON.stringify(namespace))
    .replace('"callable":"work"', `"callable":${JSON.stringify(callable)}`) as JsonText
  return { ...made, namespace, configuration }
}

/** As another process does it that has all in one transaction: whoever is told of the queue sees the template. */
async function registerElsewhere(...templates: readonly TaskTemplate[]): Promise<void> {
  await steps.database.transaction(async (transaction) => {
    await registerTemplates(transaction, templates)
  })
}

const serves = (namespace: string) =>
  eventually(`${namespace} is served`, () => listening.worker.namespaces.includes(namespace))

describe('a namespace of others', () => {
  it('is served when it is there at the start, and its steps run', async () => {
    await find()
    await serves('shop')
    await done(steps, await steps.enqueue())
    await eventually('it is said', () => infos.length > 0)
    expect(infos).toEqual(['served from now on, by templates that others registered: shop'])
  })

  it('is found by the notification of its queue', async () => {
    await find()
    await serves('shop')
    await registerElsewhere(template('late'))
    await serves('late')
    const registered = () =>
      steps.scalar<string[]>('SELECT namespaces FROM stephost.workers WHERE worker_uuid = $1', [
        listening.worker.workerId,
      ])
    await eventually('others know', async () => (await registered()).includes('late'))
    expect(await registered()).toEqual(['shop', 'late'])
  })

  it('is found although its template follows long after its queue', async () => {
    await find({ soonMs: 5, lookEveryMs: 20 })
    await serves('shop')
    await createQueues(steps.database, ['slow'])
    const before = looks
    await eventually('some looks found nothing', () => looks > before + 3)
    expect(listening.worker.namespaces).toEqual(['shop'])
    await registerTemplates(steps.database, [template('slow')])
    await serves('slow')
  })

  it('stays with others while nothing of it can run here, and is served once its handler is loaded', async () => {
    const finding = await find()
    await serves('shop')
    const before = looks
    await registerElsewhere(template('foreign', 'elsewhere'))
    await eventually('it was looked at', () => looks > before)
    await registerElsewhere(template('near'))
    await serves('near')
    expect(listening.worker.namespaces).toEqual(['shop', 'near'])
    listening.adapter.announced = [handlerDescriptor('work'), handlerDescriptor('elsewhere')]
    finding.look()
    await serves('foreign')
  })

  it('is served later where that fails at first, which is said once', async () => {
    let failures = 2
    const serve = async (names: readonly string[]) => {
      failures -= 1
      if (failures >= 0) throw new Error('the database is away')
      await listening.worker.serveNamespaces(names)
    }
    await find({ soonMs: 5, lookEveryMs: 20 }, { serve })
    await serves('shop')
    expect(warnings).toEqual(['namespaces of others are not found right now: the database is away'])
  })
})
