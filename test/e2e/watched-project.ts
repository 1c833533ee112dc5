// A project whose handlers change while a host like that of `stephost dev` runs it.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { Host } from '../../src/host.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskView } from '../../src/model/task.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'

const template = (language: string) => `name: ${language}
namespace_name: hot
version: 1.0.0
steps:
  - name: only
    handler: { callable: hot.${language} }
`

const settings = `[runtimes.python]
processes = 2
[runtimes.ruby]
processes = 2
[dispatch]
foreign_retry_ms = 100
`

/** One handler in each language; `version` is what it returns. */
export const sources = {
  python: (version: string) => `from stephost import StepHandler


class Versioned(StepHandler):
    handler_name = "hot.python"

    def call(self, context):
        return self.success({"version": "${version}"})
`,
  ruby: (version: string) => `class Versioned < Stephost::StepHandler::Base
  def handler_name = "hot.ruby"

  def call(_context) = success(result: {version: "${version}"})
end
`,
  typescript: (version: string) => `import { defineHandler } from 'stephost'

export const versioned = defineHandler('hot.typescript', {}, async () => ({ version: '${version}' }))
`,
} as const

export type Language = keyof typeof sources

export const fileOf: Readonly<Record<Language, string>> = {
  python: 'versioned.py',
  ruby: 'versioned.rb',
  typescript: 'versioned.ts',
}

export interface WatchedProject {
  readonly host: Host
  /** Sentences of the host's log, in order. */
  readonly said: readonly string[]
  /** As editors do it: written beside, then renamed over. */
  save(file: string, text: string): void
  remove(file: string): void
  submit(language: Language): Promise<string>
  request(language: Language, version: string): Parameters<Host['tasks']['createTask']>[0]
  /** Resolves when the task has ended. */
  ended(taskId: string): Promise<TaskView>
  /** What the handler returned to a new task. */
  version(language: Language): Promise<string>
  /** `step_processing` of the worker's health. */
  runtimesHealth(): Promise<{ status: string; message: string | null }>
  close(): Promise<void>
}

export async function openWatchedProject(languages: readonly Language[]): Promise<WatchedProject> {
  const database = await createTestDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'stephost-hot-'))
  const root = join(directory, 'handlers')
  mkdirSync(root)
  const save = (file: string, text: string) => {
    writeFileSync(join(root, `.${file}.swp`), text)
    renameSync(join(root, `.${file}.swp`), join(root, file))
  }
  for (const language of Object.keys(sources)) save(`${language}.yaml`, template(language))
  for (const language of languages) save(fileOf[language], sources[language]('v1'))
  const file = join(directory, 'site.toml')
  writeFileSync(file, settings)
  const anywhere = '127.0.0.1:0'
  const environment = {
    TASKER_WEB_BIND_ADDRESS: anywhere,
    TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: anywhere,
    TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: anywhere,
  }
  const said: string[] = []
  const say = (_details: object, sentence: string) => said.push(sentence)
  const host = new Host({
    config: loadConfig({ environment, file }),
    log: { info: say, warn: say, error: say, handler: () => {} },
    handlerRoots: [root],
    databaseUrl: database.url,
    parts: { worker: true, orchestrator: true, rest: true },
    strict: false,
    reload: true,
    dataDir: directory,
  })
  await host.start()
  const submit = async (language: Language) => (await host.tasks.createTask(request(language))).taskId
  const ended = (taskId: string) =>
    eventually(
      `task ${taskId} ends; the host said: ${said.join(' | ')}`,
      async () => {
        const task = await host.tasks.task(taskId)
        return ['complete', 'error', 'blocked_by_failures'].includes(task.state) ? task : null
      },
      20_000,
    )
  return {
    ...{ host, said, save, submit, ended, request },
    remove: (name) => rmSync(join(root, name)),
    async version(language) {
      const task = await ended(await submit(language))
      return String(JSON.parse(task.steps[0]?.result ?? '{}').version)
    },
    async runtimesHealth() {
      const response = await fetch(`${host.addresses().worker}/health/detailed`)
      return ((await response.json()) as DetailedHealth).checks.step_processing
    },
    async close() {
      await host.stop()
      await database.drop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface DetailedHealth {
  readonly checks: { readonly step_processing: { status: string; message: string | null } }
}

function request(language: Language, version = '1.0.0'): Parameters<Host['tasks']['createTask']>[0] {
  return {
    ...{ namespace: 'hot', name: language, version, context: '{}' as JsonText },
    ...{ initiator: 'e2e', sourceSystem: 'e2e', reason: 'hot reload', tags: [], priority: null },
    ...{ correlationId: null, parentCorrelationId: null, freshIdentity: true, inputSchema: 'off' },
  }
}
