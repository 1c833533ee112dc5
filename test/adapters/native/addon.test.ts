// The addon alone: which libraries it refuses, and that it neither holds nor crashes a process or a worker thread.

import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { execa } from 'execa'
import { afterEach, describe, expect, it } from 'vitest'
import {
  abiCodes,
  addonPath,
  type HandlerHost,
  type LibraryErrorCode,
  loadAddon,
} from '../../../src/adapters/native/addon.ts'
import { encodePayload } from '../../../src/protocol/codec.ts'
import { executeMessage } from '../../../src/protocol/step-envelope.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { type CLibrary, cLibrary } from './c-libraries.ts'

const limits = {
  threads: 2,
  queueMax: 2,
  abandonedThreadsMax: 1,
  answerBytesMax: 1_000_000,
  waitingBytesMax: 1_000_000,
}
const open: HandlerHost[] = []

function openHost(): HandlerHost {
  const { HandlerHost: Host } = loadAddon(addonPath())
  const host = new Host(limits, () => undefined)
  open.push(host)
  return host
}

afterEach(() => {
  for (const host of open.splice(0)) host.close()
})

function loadError(path: string): { code: string; message: string } {
  try {
    openHost().load(path, path)
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error(`${path} was loaded`)
}

describe('a library that is not one', () => {
  const refusals: readonly [CLibrary, LibraryErrorCode, RegExp][] = [
    ['wrong_version', 'ABI_VERSION', /version 99, this host speaks 2/],
    ['small_table', 'ABI_SIZE', /16 bytes, 40 are needed/],
    ['null_functions', 'TABLE_INVALID', /NULL function/],
    ['no_symbol', 'SYMBOL_MISSING', /stephost_handler_library/],
  ]
  it.each(refusals)('%s is refused as %s', (library, code, message) => {
    const error = loadError(cLibrary(library))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  it('a missing file and a file of another kind are refused', async () => {
    expect(loadError('/nowhere/lib.so').code).toBe('LIBRARY_UNLOADABLE')
    const text = join(tmpdir(), `stephost-${process.pid}.so`)
    await writeFile(text, 'not a library')
    expect(loadError(text).code).toBe('LIBRARY_UNLOADABLE')
  })

  it('a missing addon says how to get it', () => {
    expect(() => loadAddon('/nowhere/stephost_native.node')).toThrow(/bin\/setup/)
  })
})

describe('the binding', () => {
  it('speaks the ABI version of the header', () => {
    expect(loadAddon(addonPath()).abiVersion).toBe(2)
  })

  it('refuses wrong arguments instead of crashing', () => {
    const host = openHost()
    const loose = host as unknown as Record<string, (...values: unknown[]) => unknown>
    const { HandlerHost: Host } = loadAddon(addonPath())
    const { library } = host.load(cLibrary('c_handlers'), 'c_handlers')
    expect(() => new Host({ ...limits, threads: -1 }, () => undefined)).toThrow(/threads/)
    expect(() => Reflect.construct(Host, [])).toThrow(TypeError)
    expect(() => loose['load']?.(7)).toThrow(TypeError)
    expect(() => loose['execute']?.(library + 1, 1, new Uint8Array(1))).toThrow(/library/)
    expect(() => loose['execute']?.(library, 'one', new Uint8Array(1))).toThrow(/ticket/)
    expect(() => loose['execute']?.(library, 1, 'text')).toThrow(/Uint8Array/)
    expect(() => loose['cancel']?.(library, new Float64Array(1))).toThrow(/Uint8Array/)
    expect(host.cancel(library, new Uint8Array([0xc1]))).toBe(abiCodes.badMessage)
    expect(host.abandon(99)).toBe('unknown')
  })

  it('closes twice, and refuses calls from then on', () => {
    const host = openHost()
    const { library } = host.load(cLibrary('c_handlers'), 'c_handlers')
    host.close()
    host.close()
    expect(host.execute(library, 1, new Uint8Array([0x80]))).toBe(false)
  })
})

/** Source of a script that opens a host and gives it one call; it prints what comes back. */
function script(call: string, afterwards: string): string {
  const handler = handlerCall({ callable: call })
  const [request] = handler.requests
  if (request === undefined) throw new Error('a call has a request')
  const message = Buffer.from(encodePayload(executeMessage(handler, request, 0))).toString('base64')
  return `
    const { HandlerHost } = require(${JSON.stringify(addonPath())})
    const host = new HandlerHost(${JSON.stringify(limits)}, (_, index) => console.log('finished', index.length / 4, index[2]))
    const { library } = host.load(${JSON.stringify(cLibrary('c_handlers'))}, 'c_handlers')
    host.execute(library, 1, Buffer.from(${JSON.stringify(message)}, 'base64'))
    ${afterwards}`
}

describe('a process with the addon', () => {
  it('stays alive for a running call and ends by itself afterwards', async () => {
    const { stdout, exitCode } = await execa(process.execPath, ['-e', script('c.stubborn', '')], { timeout: 20_000 })
    expect([stdout, exitCode]).toEqual(['finished 1 0', 0])
  })

  it('ends cleanly in the middle of a call', async () => {
    const child = execa(process.execPath, ['-e', script('c.stubborn', 'setImmediate(() => process.exit(7))')], {
      reject: false,
      timeout: 20_000,
    })
    const { exitCode, stderr } = await child
    expect([exitCode, stderr]).toEqual([7, ''])
  })
})

describe('worker threads', () => {
  it('each has its own host, and ends in the middle of a call', async () => {
    const call = script('c.stubborn', `require('node:worker_threads').parentPort.postMessage('called')`)
    const workers = Array.from({ length: 4 }, () => new Worker(call, { eval: true, stdout: true }))
    const said = workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)))
    expect(await Promise.all(said)).toEqual(['called', 'called', 'called', 'called'])
    await Promise.all(workers.map((worker) => worker.terminate()))
  })

  it('a process whose only user of the addon was a worker survives its end', async () => {
    const call = script('c.stubborn', `require('node:worker_threads').parentPort.postMessage('called')`)
    // The threads of a process are files on Linux: when their number is back, the handler has ended, after the environment that loaded it.
    const worker = `
      const { readdirSync } = require('node:fs')
      const { Worker } = require('node:worker_threads')
      const threads = () => readdirSync('/proc/self/task').length
      const before = threads()
      const report = () => threads() > before ? setTimeout(report, 10) : console.log('alive')
      const worker = new Worker(${JSON.stringify(call)}, { eval: true })
      worker.once('message', () => worker.terminate().then(report))`
    const { stdout, exitCode } = await execa(process.execPath, ['-e', worker], { timeout: 20_000 })
    expect([stdout, exitCode]).toEqual(['alive', 0])
  })
})
