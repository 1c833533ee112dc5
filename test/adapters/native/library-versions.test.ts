// New versions of a library while it serves: each is loaded beside the old one, and one that does not load changes nothing.

import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findHandlerLibraries } from '../../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter } from '../../../src/adapters/native/native-adapter.ts'
import type { CallEvents } from '../../../src/model/runtime-adapter.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { type CLibrary, cLibrary } from './c-libraries.ts'

let root: string
let adapter: NativeAdapter

const events: CallEvents = {
  started: () => {},
  log: () => {},
  checkpoint: () => Promise.resolve({ stored: false, message: 'The test stores none.' }),
}

/** Overwrites the file in place, as a careless copy does: what is loaded must not notice. */
const put = (library: CLibrary, name = 'shop.so'): Promise<void> => copyFile(cLibrary(library), join(root, name))

async function answer(): Promise<unknown> {
  const [result] = await adapter.execute(handlerCall({ callable: 'c.version' }), events)
  return result?.success === true ? JSON.parse(result.result) : result
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stephost-versions-'))
  adapter = new NativeAdapter({ find: () => findHandlerLibraries([root]), threads: 2, log: () => {} })
})

afterEach(async () => {
  await adapter.stop()
  await rm(root, { recursive: true })
})

it('a changed library serves after the reload, and the old one until then', async () => {
  await put('version_one')
  await adapter.start()
  expect(await answer()).toBe('1.0.0')
  await put('version_two')
  expect(await answer()).toBe('1.0.0')
  expect(await adapter.reload()).toEqual({ live: true, problem: null })
  expect(await answer()).toBe('2.0.0')
  expect(adapter.handlers().map(({ version }) => version)).toEqual(['2.0.0'])
  await put('version_one')
  expect(await adapter.reload()).toEqual({ live: true, problem: null })
  expect(await answer()).toBe('1.0.0')
})

it.each([
  ['no_symbol', 'stephost_handler_library'],
  ['wrong_version', 'version 99'],
  ['null_functions', 'NULL function'],
] as const)('a version that is refused (%s) leaves the one from before', async (broken, words) => {
  await put('version_one')
  await adapter.start()
  await put(broken)
  const outcome = await adapter.reload()
  expect(outcome).toMatchObject({ live: false, problem: expect.stringContaining(words) })
  expect(outcome.problem).toContain(join(root, 'shop.so'))
  expect(await answer()).toBe('1.0.0')
  expect(adapter.loadFailures()).toEqual([])
})

it('a library that appears and one that goes away', async () => {
  await put('c_handlers', 'other.so')
  await adapter.start()
  expect(await answer()).toMatchObject({ errorType: 'handler_not_found' })
  await put('version_one')
  expect(await adapter.reload()).toEqual({ live: true, problem: null })
  expect(await answer()).toBe('1.0.0')
  await rm(join(root, 'shop.so'))
  expect(await adapter.reload()).toEqual({ live: true, problem: null })
  expect(await answer()).toMatchObject({ errorType: 'handler_not_found' })
})
