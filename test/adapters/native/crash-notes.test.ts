// A library that takes its process down: the next start says which handler it was, and what to do.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { addonPath, loadAddon } from '../../../src/adapters/native/addon.ts'
import { NativeAdapter } from '../../../src/adapters/native/native-adapter.ts'
import { encodePayload } from '../../../src/protocol/codec.ts'
import { executeMessage } from '../../../src/protocol/step-envelope.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { cLibrary, cLibraryFile } from './c-libraries.ts'

let journal: string

beforeEach(async () => {
  journal = await mkdtemp(join(tmpdir(), 'stephost-journal-'))
})

afterEach(async () => {
  await rm(journal, { recursive: true })
})

/** A process that runs one call with a journal; how it ended, and the step. */
async function runCall(callable: string, afterwards = '') {
  const call = handlerCall({ callable })
  const [request] = call.requests
  if (request === undefined) throw new Error('a call has a request')
  const message = Buffer.from(encodePayload(executeMessage(call, request, 0))).toString('base64')
  const limits = { threads: 2, queueMax: 2, abandonedThreadsMax: 1, answerBytesMax: 1e6, waitingBytesMax: 1e6 }
  const script = `
    const { HandlerHost } = require(${JSON.stringify(addonPath())})
    const host = new HandlerHost(${JSON.stringify({ ...limits, journalDirectory: journal })}, () => host.close())
    const { library } = host.load(${JSON.stringify(cLibrary('c_handlers'))}, '/handlers/shop.so')
    host.execute(library, 1, Buffer.from(${JSON.stringify(message)}, 'base64'))
    ${afterwards}`
  const { signal, exitCode } = await execa(process.execPath, ['-e', script], { reject: false, timeout: 20_000 })
  return { signal, exitCode, step: request.stepId }
}

/** What the next worker says. */
async function nextStart(): Promise<string[]> {
  const lines: string[] = []
  const find = () => ({ libraries: [cLibraryFile('c_handlers')], loadFailures: [] })
  const adapter = new NativeAdapter({
    find,
    threads: 1,
    journalDirectory: journal,
    log: ({ line }) => lines.push(line),
  })
  await adapter.start()
  await adapter.stop()
  return lines
}

it.each([
  ['c.crash', 'SIGSEGV'],
  ['c.recurse', 'SIGSEGV'],
  ['c.abort', 'SIGABRT'],
])('%s ends the process by %s, and the next start names it', async (callable, signal) => {
  const crash = await runCall(callable)
  expect(crash.signal).toBe(signal)
  const [line, ...others] = await nextStart()
  expect(line).toContain(`crashed (${signal}) in ${callable} of shop.so (step ${crash.step})`)
  expect(line).toContain('runtimes.rust.isolation = "process"')
  expect(others).toEqual([])
  expect(await nextStart()).toEqual([])
})

it('a process that was killed while a handler ran is told apart from a crash', async () => {
  const killed = await runCall('c.stubborn', `setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`)
  expect(killed.signal).toBe('SIGKILL')
  expect(await nextStart()).toEqual([expect.stringContaining(`without stopping while it ran c.stubborn of shop.so`)])
})

it('an orderly end leaves nothing, also in the middle of a call', async () => {
  expect((await runCall('c.noop')).exitCode).toBe(0)
  expect((await runCall('c.stubborn', 'setTimeout(() => process.exit(7), 100)')).exitCode).toBe(7)
  expect(await readdir(journal)).toEqual([])
  expect(await nextStart()).toEqual([])
})

it('the notes of a process that lives are left alone', async () => {
  const find = () => ({ libraries: [cLibraryFile('c_handlers')], loadFailures: [] })
  const adapter = new NativeAdapter({ find, threads: 1, journalDirectory: journal, log: () => {} })
  await adapter.start()
  expect(loadAddon(addonPath()).collectCrashes(journal)).toEqual([])
  expect(await readdir(journal)).toHaveLength(1)
  await adapter.stop()
  expect(await readdir(journal)).toEqual([])
})

it('a directory that cannot be written to is no reason not to start', async () => {
  const find = () => ({ libraries: [cLibraryFile('c_handlers')], loadFailures: [] })
  const adapter = new NativeAdapter({ find, threads: 1, journalDirectory: '/dev/null/notes', log: () => {} })
  await adapter.start()
  expect(adapter.handlers().length).toBeGreaterThan(0)
  await adapter.stop()
})
