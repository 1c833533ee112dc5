// Prints how long a changed handler file takes to go live while calls run, and what failed meanwhile: `npm run bench:reload`.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OpenedAdapters } from '../../src/host-adapters.ts'
import { ignoredNames } from '../../src/host-handler-files.ts'
import { HandlerReload } from '../../src/host-reload.ts'
import type { CallEvents } from '../../src/model/runtime-adapter.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { median, print, whole } from './sidecars/figures.ts'
import { openSidecar, type SidecarRuntime, sidecarRuntimes } from './sidecars/open-sidecar.ts'

const changes = Number(process.argv[2] ?? 11)
const lanes = 4
const giveUpMs = 10_000

const events: CallEvents = {
  started: () => {},
  log: () => {},
  checkpoint: () => Promise.resolve({ stored: false, message: 'a bench' }),
}

const code = {
  python: (version: string) => `from stephost import StepHandler


class Versioned(StepHandler):
    handler_name = "bench.versioned"

    def call(self, _context):
        return self.success("${version}")
`,
  ruby: (version: string) => `require "stephost"

class Versioned < Stephost::StepHandler::Base
  def handler_name
    "bench.versioned"
  end

  def call(_context)
    success(result: "${version}")
  end
end
`,
}

/** As editors save: a new file takes the old one's name. */
function save(directory: string, runtime: SidecarRuntime, version: string): void {
  const name = runtime === 'python' ? 'versioned.py' : 'versioned.rb'
  writeFileSync(join(directory, `${name}.saving`), code[runtime](version))
  renameSync(join(directory, `${name}.saving`), join(directory, name))
}

async function measure(runtime: SidecarRuntime): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'stephost-reload-'))
  save(directory, runtime, 'v0')
  const adapter = openSidecar(runtime, directory, { processes: 2, log: () => {} })
  const reload = new HandlerReload({
    handlerRoots: [directory],
    isIgnored: ignoredNames([]),
    log: { info: () => {}, warn: (_details, message) => console.error(message) },
    prepare: () => Promise.resolve(null),
    make: () => adapter,
    open: () => Promise.resolve(null),
    templatePath: null,
    templatesChanged: () => {},
    reloaded: () => {},
  })
  await reload.start()
  const opened = new OpenedAdapters()
  const fault = await opened.open(adapter, (error) => error)
  if (fault !== null) throw fault
  reload.serve(opened)

  let seen = ''
  let calls = 0
  let failed = 0
  let over = false
  const lane = async (): Promise<void> => {
    while (!over) {
      const [result] = await adapter.execute(handlerCall({ callable: 'bench.versioned' }), events)
      calls += 1
      if (result?.success === true) seen = result.result
      else failed += 1
    }
  }
  const load = Promise.all(Array.from({ length: lanes }, lane))
  const times: number[] = []
  for (let change = 1; change <= changes; change += 1) {
    const version = `v${change}`
    save(directory, runtime, version)
    const savedAt = performance.now()
    while (seen !== JSON.stringify(version)) {
      if (performance.now() - savedAt > giveUpMs)
        throw new Error(`${version} is not live after ${giveUpMs} ms: no figure`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    times.push(performance.now() - savedAt)
  }
  over = true
  await load
  await reload.stop()
  await adapter.stop()
  rmSync(directory, { recursive: true })
  print(`${runtime}: changed file live under load, median of ${changes}`, `${whole(median(times))} ms`, 'limit 500 ms')
  print(`${runtime}: longest`, `${whole(Math.max(...times))} ms`)
  print(`${runtime}: calls meanwhile, failed`, `${whole(calls)}, ${failed}`, '0 failed')
  if (failed > 0) process.exitCode = 1
}

for (const runtime of sidecarRuntimes) await measure(runtime)
