// Hot reload between real files and scripted runtimes: who is reloaded, how often, and what is said about it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OpenedAdapters } from '../src/host-adapters.ts'
import { ignoredNames } from '../src/host-handler-files.ts'
import { HandlerReload } from '../src/host-reload.ts'
import type { RuntimeName } from '../src/model/handler.ts'
import { HostError } from '../src/model/host-error.ts'
import type { ReloadOutcome, RuntimeAdapter } from '../src/model/runtime-adapter.ts'
import { eventually } from './fixtures/eventually.ts'

/** Each reload waits until the test says how it ends. */
class ScriptedRuntime implements RuntimeAdapter {
  readonly name: RuntimeName
  readonly inFlightMax = 1
  readonly reloads: ((outcome: ReloadOutcome) => void)[] = []
  starts = 0
  stops = 0
  startFault: HostError | null = null

  constructor(name: RuntimeName) {
    this.name = name
  }
  async start(): Promise<void> {
    this.starts += 1
    if (this.startFault !== null) throw this.startFault
  }
  async stop(): Promise<void> {
    this.stops += 1
  }
  handlers(): readonly never[] {
    return []
  }
  publishers(): readonly never[] {
    return []
  }
  resolvers(): readonly never[] {
    return []
  }
  subscribers(): readonly never[] {
    return []
  }
  loadFailures(): readonly never[] {
    return []
  }
  async execute(): Promise<readonly never[]> {
    return []
  }
  cancel(): void {}
  health() {
    return { status: 'healthy', message: null } as const
  }
  reload(): Promise<ReloadOutcome> {
    return new Promise((resolve) => this.reloads.push(resolve))
  }
}

let root: string
let lines: string[]
let python: ScriptedRuntime
let ruby: ScriptedRuntime
let newcomer: ScriptedRuntime
let opened: OpenedAdapters
let reload: HandlerReload
let reloaded: number
let templates: string
let templatesChanged: number
let prepare: () => Promise<string | null>

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'stephost-reload-'))
  templates = mkdtempSync(join(tmpdir(), 'stephost-templates-'))
  lines = []
  reloaded = 0
  templatesChanged = 0
  prepare = () => Promise.resolve(null)
  python = new ScriptedRuntime('python')
  ruby = new ScriptedRuntime('ruby')
  newcomer = new ScriptedRuntime('typescript')
  opened = new OpenedAdapters()
  await opened.open(python, (error) => error)
  await opened.open(ruby, (error) => error)
  reload = new HandlerReload({
    handlerRoots: [root],
    isIgnored: ignoredNames([]),
    log: {
      info: (_details, message) => lines.push(message),
      warn: (_details, message) => lines.push(`warning: ${message}`),
    },
    prepare: () => prepare(),
    make: () => newcomer,
    open: (adapter) => opened.open(adapter, (error) => error),
    reloaded: () => {
      reloaded += 1
    },
    templatePath: templates,
    templatesChanged: () => {
      templatesChanged += 1
    },
  })
  await reload.start()
})
afterEach(async () => {
  await reload.stop()
  for (const directory of [root, templates]) rmSync(directory, { recursive: true, force: true })
})

const live: ReloadOutcome = { live: true, problem: null }
const save = (name: string) => writeFileSync(join(root, name), String(performance.now()))
const says = (line: string) => eventually(`"${line}" is said, not ${lines}`, () => lines.includes(line))
const reloadsOf = (runtime: ScriptedRuntime, count: number) =>
  eventually(`${runtime.name} reloads ${count} times`, () => runtime.reloads.length === count)

describe('a changed handler file', () => {
  it('reloads its own language only', async () => {
    reload.serve(opened)
    save('a.py')
    await reloadsOf(python, 1)
    python.reloads[0]?.(live)
    await says('python handlers reloaded')
    expect(ruby.reloads).toHaveLength(0)
    expect(reloaded).toBe(1)
  })

  it('waits while its language loads, and then all such changes are one more reload', async () => {
    reload.serve(opened)
    save('a.py')
    await reloadsOf(python, 1)
    for (const name of ['b', 'c']) {
      save(`${name}.py`)
      save(`${name}.rb`)
      await reloadsOf(ruby, name === 'b' ? 1 : 2)
      ruby.reloads.at(-1)?.(live)
    }
    expect(python.reloads).toHaveLength(1)
    python.reloads[0]?.(live)
    await reloadsOf(python, 2)
    python.reloads[1]?.(live)
    await eventually('all are through', () => reloaded === 4)
    expect(python.reloads).toHaveLength(2)
  })

  it('that does not load leaves the old version serving, until one that does', async () => {
    reload.serve(opened)
    save('a.py')
    await reloadsOf(python, 1)
    python.reloads[0]?.({ live: false, problem: 'a.py: line 3: SyntaxError.' })
    await says('warning: python handlers not reloaded: a.py: line 3: SyntaxError; the version from before serves')
    await eventually('it is remembered', () => reload.refused.length === 1)
    expect(reload.refused).toEqual([{ runtime: 'python', problem: 'a.py: line 3: SyntaxError' }])
    save('a.py')
    await reloadsOf(python, 2)
    python.reloads[1]?.(live)
    await says('python handlers reloaded')
    await eventually('it is forgotten', () => reload.refused.length === 0)
  })

  it('whose load cannot even begin is said, ends nothing, and the next change is loaded again', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    prepare = () => Promise.reject(new Error('the directory is gone.'))
    reload.serve(opened)
    save('a.py')
    await says('warning: python handlers not reloaded: the directory is gone; the version from before serves')
    expect(reload.refused).toEqual([{ runtime: 'python', problem: 'the directory is gone' }])
    save('a.ts')
    await says('warning: typescript handlers not loaded: the directory is gone')
    prepare = () => Promise.resolve(null)
    save('a.py')
    await reloadsOf(python, 1)
    python.reloads[0]?.(live)
    await says('python handlers reloaded')
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it('that is saved while the languages open is loaded again once they are', async () => {
    save('a.py')
    save('a.rb')
    save('job.yaml')
    await eventually('the template is told', () => templatesChanged === 1)
    expect(python.reloads).toHaveLength(0)
    reload.serve(opened)
    await reloadsOf(python, 1)
    await reloadsOf(ruby, 1)
  })
})

describe('a changed template', () => {
  it('is told, and so are those of the directory of templates alone, whose other files are nobody’s handlers', async () => {
    reload.serve(opened)
    save('job.yaml')
    await eventually('it is told', () => templatesChanged === 1)
    writeFileSync(join(templates, 'a.py'), '')
    writeFileSync(join(templates, 'other.yml'), '')
    await eventually('the other is told', () => templatesChanged === 2)
    save('b.rb')
    await reloadsOf(ruby, 1)
    expect(python.reloads).toHaveLength(0)
  })
})

describe('the first file of a language', () => {
  it('opens its runtime, which joins the others', async () => {
    reload.serve(opened)
    save('a.ts')
    await says('typescript handlers loaded')
    expect(opened.adapters).toContain(newcomer)
    save('b.ts')
    await reloadsOf(newcomer, 1)
    expect(newcomer.starts).toBe(1)
  })

  it('tries again with the next change when its runtime cannot start', async () => {
    reload.serve(opened)
    newcomer.startFault = new HostError('RUNTIME_UNAVAILABLE', 'there is no interpreter')
    save('a.ts')
    await says('warning: typescript handlers not loaded: there is no interpreter')
    expect(opened.unavailable).toEqual([{ runtime: 'typescript', error: newcomer.startFault }])
    newcomer.startFault = null
    save('a.ts')
    await says('typescript handlers loaded')
    expect(opened.unavailable).toEqual([])
  })
})

describe('the end', () => {
  it('does not wait for a reload that runs, and says nothing about it any more', async () => {
    reload.serve(opened)
    save('a.py')
    await reloadsOf(python, 1)
    save('b.py')
    save('b.rb')
    await reloadsOf(ruby, 1)
    await reload.stop()
    python.reloads[0]?.(live)
    ruby.reloads[0]?.({ live: false, problem: 'late' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toEqual(['watching the handler files'])
    expect(python.reloads).toHaveLength(1)
  })
})
