// A project with one workflow for each thing that orchestration does, its TypeScript handlers, the real processes that run it, and its REST client.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configText } from '../chaos/chaos-work.ts'
import { HostProcess } from '../chaos/host-process.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

const fixtures = 'test/e2e/flows'

export interface StepDocument {
  readonly step_uuid: string
  readonly name: string
  readonly attempts: number
  readonly current_state: string
  readonly results: { readonly result: unknown } | null
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  readonly body: any
}

export interface FlowProject {
  readonly db: OpenDatabase
  /** Where handlers write down what they did. */
  readonly directory: string
  /** Resolves with the process and its REST address; it is killed at the end if it still runs. */
  start(command: 'worker' | 'orchestrator' | 'dev'): Promise<{ process: HostProcess; address: string }>
  /** Lines that handlers wrote into the file of that name. */
  lines(name: string): readonly string[]
  close(): Promise<void>
}

export async function openFlowProject(): Promise<FlowProject> {
  const db = await openTestDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'stephost-flow-'))
  const handlers = join(directory, 'handlers')
  mkdirSync(handlers)
  const files = ['flow.ts', 'choosing.yaml', 'batch.yaml', 'holding.yaml', 'mending.yaml', 'diamond.yaml']
  for (const file of files) copyFileSync(join(fixtures, file), join(handlers, file))
  copyFileSync('test/chaos/handlers/work.ts', join(handlers, 'work.ts'))
  writeFileSync(join(directory, 'flow.toml'), configText('Hybrid'))
  const processes: HostProcess[] = []
  return {
    db,
    directory,
    async start(command) {
      const logFile = join(directory, 'hosts.log')
      const process = new HostProcess({
        ...{ command, databaseUrl: db.url, handlers, configFile: join(directory, 'flow.toml') },
        ...{ dataDir: join(directory, `data-${processes.length}`), logFile },
      })
      processes.push(process)
      const address = await process.ready
      if (address === null) throw new Error(`${command} did not start: ${readFileSync(logFile, 'utf8')}`)
      return { process, address }
    },
    lines: (name) => {
      const file = join(directory, name)
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
    },
    async close() {
      for (const process of processes) process.signalAll('SIGKILL')
      await Promise.all(processes.map((process) => process.ended))
      await db.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** One request to the orchestrator's REST below /v1. */
export async function ask(address: string, method: string, path: string, document?: unknown): Promise<Answer> {
  const init =
    document === undefined ? {} : { body: JSON.stringify(document), headers: { 'content-type': 'application/json' } }
  const response = await fetch(`${address}/v1/${path}`, { method, ...init })
  return { status: response.status, body: await response.json() }
}

/** Resolves with the task's id. */
export async function submit(address: string, name: string, context: object, namespace = 'flow'): Promise<string> {
  const { status, body } = await ask(address, 'POST', 'tasks', {
    ...{ name, namespace, version: '1.0.0', context },
    ...{ initiator: 'e2e', source_system: 'e2e', reason: 'e2e' },
  })
  if (status !== 200) throw new Error(`the task was refused: ${JSON.stringify(body)}`)
  return body.task_uuid
}

export async function reaches(address: string, taskId: string, state: string, timeoutMs = 30_000): Promise<void> {
  const reached = async () => (await ask(address, 'GET', `tasks/${taskId}`)).body.status === state
  await eventually(`the task ${taskId} is ${state}`, reached, timeoutMs)
}

/** By name. */
export async function stepsOf(address: string, taskId: string): Promise<Readonly<Record<string, StepDocument>>> {
  const steps: StepDocument[] = (await ask(address, 'GET', `tasks/${taskId}/workflow_steps`)).body
  return Object.fromEntries(steps.map((step) => [step.name, step]))
}
