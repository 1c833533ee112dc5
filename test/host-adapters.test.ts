// Opening a project with real interpreters: their packages, their environment, and what is not loaded.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SidecarAdapter } from '../src/adapters/sidecar/sidecar-adapter.ts'
import { loadConfig } from '../src/config/config.ts'
import { makeAdapter, makeIsolatedAdapter, type OpenedAdapters, openAdapters } from '../src/host-adapters.ts'

let project: string
let opened: OpenedAdapters | null

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'stephost-adapters-'))
  opened = null
})
afterEach(async () => {
  await opened?.stop()
  rmSync(project, { recursive: true, force: true })
})

function write(name: string, text: string): string {
  const file = join(project, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

const pythonHandler = (name: string, imports = '') => `${imports}
from stephost import StepHandler


class Handler(StepHandler):
    handler_name = "${name}"

    def call(self, context):
        return self.success({})
`

const rubyHandler = (name: string, requires = '') => `${requires}
class Handler < Stephost::StepHandler::Base
  def handler_name = "${name}"

  def call(_context) = success(result: {})
end
`

const typescriptHandler = (name: string) => `import { defineHandler } from 'stephost'
export const handler = defineHandler('${name}', {}, async () => ({}))
`

const quick = '[runtimes.python]\nprocesses = 1\n[runtimes.ruby]\nprocesses = 1\n'

async function open(settings = quick): Promise<OpenedAdapters> {
  const config = loadConfig({ environment: {}, file: write('site.toml', settings) })
  opened = await openAdapters({ config, handlerRoots: [join(project, 'handlers')], log: () => {} })
  return opened
}

const callables = ({ adapters }: OpenedAdapters) =>
  adapters.flatMap((adapter) => adapter.handlers().map(({ callable }) => callable)).toSorted()

describe('TypeScript in processes of its own', () => {
  it('serves handlers outside the host, as many processes as there would be threads', async () => {
    write('handlers/h.ts', typescriptHandler('t.apart'))
    const { adapters } = await open(`[runtimes.typescript]\nisolation = "process"\nthreads = 2\nin_flight_max = 3\n`)
    expect(adapters.map(({ name, inFlightMax }) => [name, inFlightMax])).toEqual([['typescript', 6]])
    expect(adapters[0]).toBeInstanceOf(SidecarAdapter)
    expect(callables({ adapters } as OpenedAdapters)).toEqual(['t.apart'])
  })

  it('is said wrong in words', async () => {
    await expect(open(`[runtimes.typescript]\nisolation = "fiber"\n`)).rejects.toThrow(/isolation.*thread.*process/)
  })
})

describe('a virtual environment beside the handlers', () => {
  it('serves, with the packages that only it has', async () => {
    write('handlers/h.py', pythonHandler('p.only', 'import only_here'))
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--system-site-packages', '--without-pip', join(project, '.venv')])
    const [version = ''] = readdirSync(join(project, '.venv/lib'))
    write(`.venv/lib/${version}/site-packages/only_here.py`, 'here = True\n')
    expect(callables(await open())).toEqual(['p.only'])
    expect(opened?.adapters.flatMap((adapter) => adapter.loadFailures())).toEqual([])
  })

  it('without msgpack makes Python unavailable, with the line to run', async () => {
    write('handlers/h.py', pythonHandler('p.any'))
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', join(project, 'handlers/venv')])
    const { adapters, unavailable } = await open()
    expect(adapters).toEqual([])
    expect(unavailable).toHaveLength(1)
    expect(unavailable[0]?.error).toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringContaining(`Run: ${project}/handlers/venv/bin/python -m pip install msgpack`),
    })
  })
})

describe('a Gemfile beside the handlers', () => {
  it('gives them its gems', async () => {
    write('Gemfile', `gem "only_here", path: "${project}/only_here"\n`)
    write(
      'only_here/only_here.gemspec',
      'Gem::Specification.new { |gem| gem.name, gem.version, gem.summary, gem.authors = "only_here", "1", "one", ["a"] }\n',
    )
    write('only_here/lib/only_here.rb', 'ONLY_HERE = true\n')
    write('handlers/h.rb', rubyHandler('r.only', 'require "only_here"'))
    expect(callables(await open())).toEqual(['r.only'])
  })
})

describe('a file that does not load', () => {
  it.each([
    ['python', 'h.py', 'class Handler(:'],
    ['ruby', 'h.rb', 'class Handler <'],
    ['typescript', 'h.ts', 'class Handler ('],
  ])('is named although its language, %s, has no other', async (runtime, file, text) => {
    write(`handlers/${file}`, text)
    const { adapters } = await open()
    const failures = adapters.flatMap((adapter) => adapter.loadFailures())
    expect(failures).toMatchObject([{ runtime, file: expect.stringContaining(file) }])
  })
})

describe('names that are not loaded', () => {
  it('are those of the configuration, in every language', async () => {
    for (const [name, directory] of [
      ['in', 'kept'],
      ['out', 'drafts'],
    ]) {
      write(`handlers/${directory}/h.py`, pythonHandler(`p.${name}`))
      write(`handlers/${directory}/h.rb`, rubyHandler(`r.${name}`))
      write(`handlers/${directory}/h.ts`, typescriptHandler(`t.${name}`))
      write(`handlers/${directory}/crate/Cargo.toml`, `[package]\nname = "c"\n[lib]\ncrate-type = ["cdylib"]\n`)
    }
    for (const [extension, handler] of [
      ['py', pythonHandler('p.old')],
      ['rb', rubyHandler('r.old')],
      ['ts', typescriptHandler('t.old')],
    ]) {
      write(`handlers/h_old.${extension}`, handler ?? '')
    }
    const { adapters } = await open(`[runtimes]\nignore = ["drafts", "*_o?d.*"]\n${quick}`)
    expect(opened === null ? [] : callables(opened)).toEqual(['p.in', 'r.in', 't.in'])
    const failures = adapters.flatMap((adapter) => adapter.loadFailures())
    expect(failures.map(({ file }) => file)).toEqual(['kept/crate/Cargo.toml'])
  })
})

describe('the environment of a guest', () => {
  const secrets = { DATABASE_URL: 'postgres://u:secret@h/d', AWS_SECRET_ACCESS_KEY: 'secret', PGPASSWORD: 'secret' }
  const before = { ...process.env }
  beforeEach(() => {
    Object.assign(process.env, secrets, { STRIPE_MODE: 'test', STRIPE_KEY: 'secret' })
  })
  afterEach(() => {
    for (const name of [...Object.keys(secrets), 'STRIPE_MODE', 'STRIPE_KEY']) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  })

  it('holds the usual variables, what the configuration passes, and what the runtime itself needs: nothing else', async () => {
    write('handlers/h.py', pythonHandler('p.any'))
    write('handlers/h.rb', rubyHandler('r.any'))
    await open(`${quick}[runtimes.env]\npass = ["STRIPE_MODE"]\n`)
    const guests = guestEnvironments()
    expect(guests).toHaveLength(2)
    const allowed = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'STRIPE_MODE']
    for (const { command, environment } of guests) {
      const needed = command.includes('python') ? [...allowed, 'PYTHONPATH'] : allowed
      expect(Object.keys(environment).filter((name) => !needed.includes(name))).toEqual([])
      expect(environment['STRIPE_MODE']).toBe('test')
      expect(Object.values(environment).filter((value) => value.includes('secret'))).toEqual([])
    }
  })
})

/** As the kernel shows them, of every child of this process that is a guest. */
function guestEnvironments(): readonly { command: string; environment: Record<string, string> }[] {
  const read = (pid: string, name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  return readdirSync(`/proc/${process.pid}/task`)
    .flatMap((thread) => read(`${process.pid}/task/${thread}`, 'children').split(' '))
    .filter((pid) => pid !== '' && read(pid, 'cmdline').includes('--handlers'))
    .map((pid) => ({
      command: read(pid, 'cmdline'),
      environment: Object.fromEntries(
        read(pid, 'environ')
          .split('\0')
          .filter((pair) => pair !== '')
          .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      ),
    }))
}

describe('a process for a step that must run alone', () => {
  const runtimes = ['ruby', 'python', 'rust', 'typescript'] as const

  it('is made for each language, and starts with its handlers', async () => {
    write('handlers/work.ts', typescriptHandler('e2e.alone'))
    const settings = { environment: {}, file: write('site.toml', quick) }
    const options = { config: loadConfig(settings), handlerRoots: [join(project, 'handlers')], log: () => {} }
    for (const runtime of runtimes) expect(makeIsolatedAdapter(runtime, options)).toBeInstanceOf(SidecarAdapter)
    const adapter = makeIsolatedAdapter('typescript', options)
    await adapter.start()
    try {
      expect(adapter.handlers().map(({ callable }) => callable)).toEqual(['e2e.alone'])
    } finally {
      await adapter.stop()
    }
  }, 60_000)

  it('is one, also where the language has several already', () => {
    const file = write(
      'site.toml',
      `[runtimes.rust]
isolation = "process"
processes = 3
[runtimes.typescript]
isolation = "process"
threads = 3
[runtimes.ruby]
processes = 3
[runtimes.python]
processes = 3
`,
    )
    mkdirSync(join(project, 'handlers'))
    const config = loadConfig({ environment: {}, file })
    const options = { config, handlerRoots: [join(project, 'handlers')], log: () => {} }
    for (const runtime of runtimes) {
      expect(makeIsolatedAdapter(runtime, options).inFlightMax * 3).toBe(makeAdapter(runtime, options).inFlightMax)
    }
  })
})
