// A template with more steps than a task may have: refused where it is read, where it is registered, and where somebody else has registered it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { loadTemplates } from '../../src/config/templates/load-templates.ts'
import { type TaskTemplate, templateStepsMax } from '../../src/model/template.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, namespace, openBench, sketch } from '../orchestration/orchestration-bench.ts'

const steps = templateStepsMax + 1
const message = `has ${steps} steps; at most ${templateStepsMax} are allowed`
let bench: Bench
/** Its configuration alone says how many there are, as with a template that another server has registered. */
let foreign: TaskTemplate
let read: TaskTemplate | undefined
let directory: string

function yaml(name: string, count: number): string {
  const lines = Array.from({ length: count }, (_, place) => `  - { name: s${place}, handler: { callable: call } }\n`)
  return `name: ${name}\nnamespace_name: ${namespace}\nversion: 1.0.0\nsteps:\n${lines.join('')}`
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stephost-limit-'))
  writeFileSync(join(directory, 'huge.yaml'), yaml('huge', steps))
  writeFileSync(join(directory, 'small.yaml'), yaml('small', 1))
  foreign = sketch('foreign', Object.fromEntries(Array.from({ length: steps }, (_, place) => [`s${place}`, {}])))
  bench = await openBench([foreign])
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await bench.close()
})

it('is a problem of its file, and the others load', () => {
  const { templates, problems } = loadTemplates({ roots: [directory], templatePath: null, strict: false })
  read = templates[0]?.template
  expect(templates.map(({ template }) => template.name)).toEqual(['small'])
  expect(problems.map((problem) => problem.message).join()).toContain(`steps: ${message}`)
})

it('is not registered, and neither is what came with it', async () => {
  const [step] = read?.steps ?? []
  if (read === undefined || step === undefined) throw new Error('no template was read')
  const huge = { ...read, name: 'huge', steps: Array.from({ length: steps }, () => step) }
  await expect(bench.store.registerTemplates([read, huge])).rejects.toMatchObject({
    ...{ code: 'TEMPLATE_INVALID', message: `Template ${namespace}/huge@1.0.0: it ${message}` },
  })
  const rows = await bench.rows('SELECT name FROM tasker.named_tasks')
  expect(rows).toEqual([{ name: 'foreign' }])
})

it('makes no task over REST', async () => {
  const orchestrator = bench.orchestrator()
  const server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, health: orchestrator, events: { watch: () => null } },
    ...{ reads: orchestrationReads(bench.database), facts: {}, onFault: (error) => bench.faults.push(error as Error) },
  })
  await server.start()
  const body = {
    ...{ namespace, name: 'foreign', version: '1.0.0', context: {} },
    initiator: 'a',
    source_system: 'b',
    reason: 'c',
  }
  const response = await fetch(`${server.address}/v1/tasks`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  })
  const error = { code: 'BAD_REQUEST', message: `The template ${namespace}/foreign@1.0.0 ${message}` }
  expect([response.status, await response.json()]).toEqual([400, { error }])
  expect(await bench.rows('SELECT count(*)::int AS n FROM tasker.tasks')).toEqual([{ n: 0 }])
  await server.stop()
  expect(bench.faults).toEqual([])
})
