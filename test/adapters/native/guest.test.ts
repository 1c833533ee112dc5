// The guest of native libraries, with handlers in C: what it announces, what it survives, and what ends it.

import { execa } from 'execa'
import { afterEach, describe, expect, it } from 'vitest'
import { guestProgram } from '../../../src/adapters/native/addon.ts'
import type { HandlerLibraryFile } from '../../../src/adapters/native/handler-libraries.ts'
import { SidecarAdapter } from '../../../src/adapters/sidecar/sidecar-adapter.ts'
import { restartDefaults } from '../../../src/adapters/sidecar/sidecar-options.ts'
import type { CallEvents, LogRecord } from '../../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../../src/model/step-result.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { cLibraryFile } from './c-libraries.ts'

const open: SidecarAdapter[] = []
let lines: LogRecord[] = []

interface Options {
  readonly libraries?: readonly HandlerLibraryFile[]
  readonly frameBytesMax?: number
  readonly threads?: number
  readonly logLinesPerSecondMax?: number
}

/** A guest gets no variables but those it is given; `native/check sanitizers` needs these to see its signals. */
const sanitizerOptions = ['ASAN_OPTIONS', 'UBSAN_OPTIONS'] as const
const env = Object.fromEntries(sanitizerOptions.map((name) => [name, process.env[name] ?? '']))

async function startAdapter({ libraries = [cLibraryFile('c_handlers')], ...options }: Options = {}) {
  lines = []
  const found = libraries.flatMap(({ path, file, root }) => ['--library', path, file, root])
  const adapter = new SidecarAdapter({
    ...{ runtime: 'rust', cwd: '.', handlerRoots: [], ignore: [], env, processes: 1, inFlightMax: 4, threads: 2 },
    command: () => [guestProgram(), ...found, '--failure', 'crate/Cargo.toml', 'The crate is not built.'],
    ...{ frameBytesMax: 1_000_000, logLinesPerSecondMax: 1000, startTimeoutMs: 10_000, cancelGraceMs: 300 },
    ...{
      silenceMaxMs: 10_000,
      watchLibrary: null,
      restart: restartDefaults,
      evidenceDirectory: null,
      replayOptions: [],
    },
    recycle: { callsMax: null, rssSoftMaxBytes: null, rssHardMaxBytes: null, idleMaxMs: null },
    log: (record) => lines.push(record),
    ...options,
  })
  open.push(adapter)
  await adapter.start()
  return adapter
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((adapter) => adapter.stop()))
})

const events: CallEvents = {
  started: () => {},
  log: (record) => lines.push(record),
  checkpoint: () => Promise.resolve({ stored: true, message: null }),
}

async function run(adapter: SidecarAdapter, callable: string): Promise<StepResult> {
  const [result] = await adapter.execute(handlerCall({ callable }), events)
  if (result === undefined) throw new Error('one result is expected')
  return result
}

describe('the guest announces', () => {
  it('the handlers of all libraries with their files, and what did not load', async () => {
    const twin = { ...cLibraryFile('version_two'), file: 'twin.so' }
    const libraries = [cLibraryFile('version_one'), twin, cLibraryFile('wrong_version'), cLibraryFile('c_handlers')]
    const adapter = await startAdapter({ libraries })
    const version = adapter.handlers().find(({ callable }) => callable === 'c.version')
    expect(version).toMatchObject({
      file: 'version_one.so',
      root: 'native/fixtures',
      version: '1.0.0',
      runtime: 'rust',
    })
    expect(adapter.loadFailures().map(({ file, message }) => [file, message])).toEqual([
      ['crate/Cargo.toml', 'The crate is not built.'],
      ['twin.so', expect.stringContaining('c.version is declared twice: in native/fixtures/version_one.so')],
      ['wrong_version.so', expect.stringContaining('version 99')],
    ])
    const result = await run(adapter, 'c.version')
    expect(result.success && result.result).toBe('"1.0.0"')
    expect((await run(adapter, 'c.echo')).success).toBe(true)
  })
})

describe('a call', () => {
  it('may log and ask, and fail by a code', async () => {
    const adapter = await startAdapter()
    expect((await run(adapter, 'c.log')).success).toBe(true)
    expect(lines.map(({ line, handler }) => [line, handler])).toEqual([['a line of C', 'c.log']])
    expect((await run(adapter, 'c.ask')).success).toBe(true)
    expect(await run(adapter, 'c.error_code')).toMatchObject({ success: false, errorType: 'handler_error' })
    expect(await run(adapter, 'c.null_output')).toMatchObject({ message: expect.stringContaining('without an answer') })
  })

  it('whose result is larger than a frame fails alone', async () => {
    const adapter = await startAdapter({ frameBytesMax: 100_000 })
    expect(await run(adapter, 'c.large')).toMatchObject({ success: false, errorType: 'invalid_result' })
    expect((await run(adapter, 'c.echo')).success).toBe(true)
  })

  it('that waits for a thread is given back when it is cancelled', async () => {
    const adapter = await startAdapter({ threads: 1 })
    const first = run(adapter, 'c.stubborn')
    const waiting = handlerCall({ callable: 'c.echo' })
    const given = adapter.execute(waiting, events)
    adapter.cancel(waiting.id, 'timeout')
    expect(await given).toMatchObject([{ success: false, errorType: 'cancelled', retryable: true }])
    expect((await first).success).toBe(true)
  })

  it('whose answer is no message costs the process, and the next one serves', async () => {
    const adapter = await startAdapter()
    expect(await run(adapter, 'c.not_utf8')).toMatchObject({ success: false, errorType: 'handler_lost' })
    expect((await run(adapter, 'c.echo')).success).toBe(true)
  })

  it('that crashes costs the process, and the next one serves', async () => {
    const adapter = await startAdapter()
    for (const [callable, signal] of Object.entries({ 'c.crash': 'SIGSEGV', 'c.abort': 'SIGABRT' })) {
      const result = await run(adapter, callable)
      expect(result).toMatchObject({ success: false, errorType: 'handler_lost', retryable: true })
      expect(result).toMatchObject({ message: expect.stringContaining(signal) })
      expect((await run(adapter, 'c.echo')).success).toBe(true)
    }
  })

  it('that ignores its cancellation is ended with its process', async () => {
    const adapter = await startAdapter()
    const call = handlerCall({ callable: 'c.stubborn' })
    const lost = adapter.execute(call, events)
    adapter.cancel(call.id, 'timeout')
    expect(await lost).toMatchObject([{ success: false, errorType: 'handler_timeout' }])
    expect((await run(adapter, 'c.echo')).success).toBe(true)
  })
})

it.each([
  [['--threads', 'many'], 'a whole number'],
  [['--threads'], 'needs a value'],
  [['--speed', '9'], 'no option --speed'],
])('refuses %j with exit code 2', async (wrong, words) => {
  const { exitCode, stderr } = await execa(guestProgram(), wrong, { reject: false })
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)])
})
