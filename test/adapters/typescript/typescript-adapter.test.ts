// The TypeScript adapter with real threads: what a handler may do to its thread, and what it may not do to the host.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  TypeScriptAdapter,
  type TypeScriptAdapterOptions,
} from '../../../src/adapters/typescript/typescript-adapter.ts'
import type { JsonText } from '../../../src/model/json-text.ts'
import type { CallEvents, HandlerCall, LogRecord } from '../../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../../src/model/step-result.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'

const handlers = `
  import { appendFileSync } from 'node:fs'
  import { setTimeout as delay } from 'node:timers/promises'
  import { CheckpointNotStored, defineHandler, PermanentError, RetryableError, StepHandler } from 'stephost'
  export const echo = defineHandler('t.echo', { inputs: { value: 'value' } }, async ({ value }) => ({ value }))
  export const raw = defineHandler('t.raw', {}, async ({ context }) => ({ value: context.raw('inputData.value') }))
  export const env = defineHandler('t.env', {}, async () => process.env)
  export const spin = defineHandler('t.spin', { inputs: { file: 'file' } }, ({ file }) => {
    appendFileSync(String(file), 'spinning')
    for (;;);
  })
  export const wait = defineHandler('t.wait', {}, async ({ context }) => {
    while (!context.cancelled) await delay(5)
    return { cancelled: true }
  })
  export const permanent = defineHandler('t.permanent', {}, async () => {
    throw new PermanentError('card declined', { code: 51 })
  })
  export const later = defineHandler('t.later', {}, async () => {
    throw new RetryableError('gateway busy \\u0000', { retryAfter: 1.5 })
  })
  export const stray = defineHandler('t.stray', {}, async () => {
    void Promise.reject(new Error('stray promise'))
    setTimeout(() => { throw new Error('stray timer') })
    await delay(20)
    return {}
  })
  export const talk = defineHandler('t.talk', {}, async () => {
    console.log('one\\ntwo %d', 2)
    process.stdout.write('no line end')
    await delay(1)
    console.error('three')
    setTimeout(() => console.log('after'), 20)
    return {}
  })
  export const log = defineHandler('t.log', {}, async ({ context }) => {
    context.logger.error('reserved', { sku: 'a1', count: 9007199254740993n })
    context.logger.debug('two\\nlines')
    return {}
  })
  export const save = defineHandler('t.save', {}, async ({ context }) => {
    const saved: string[] = []
    for (const cursor of [{ page: 1.5 }, 'refused']) {
      try {
        await context.saveCheckpoint({ cursor, itemsProcessed: 3 })
        saved.push('stored')
      } catch (error) {
        saved.push(error instanceof CheckpointNotStored ? error.message : 'another error')
      }
    }
    return { saved }
  })
  let left: Promise<unknown> | null = null
  export const leave = defineHandler('t.leave', {}, async ({ context }) => {
    const result = await left?.catch((error: Error) => error.message)
    left = context.saveCheckpoint({ cursor: 'never answered', itemsProcessed: 1 })
    left.catch(() => {})
    return { result: result ?? null }
  })
  export const call = defineHandler('t.call', {}, async ({ context }) => ({
    traceparent: context.traceparent,
    seconds: Math.round(context.deadline),
  }))
  export const hoard = defineHandler('t.hoard', {}, async () => {
    const all: unknown[] = []
    for (;;) all.push(new Array(100_000).fill(all.length))
  })
  export const exit = defineHandler('t.exit', {}, async () => process.exit(7))
  export class Methods extends StepHandler {
    static override handlerName = 't.methods'
    async call() { return this.success('call') }
    async refund() { return this.success('refund') }
  }`

let root: string
let lines: LogRecord[]
let adapter: TypeScriptAdapter
const events: CallEvents = {
  started: () => {},
  log: (record) => lines.push(record),
  checkpoint: () => Promise.resolve({ stored: false, message: 'The test stores none.' }),
}

async function started(options: Partial<TypeScriptAdapterOptions> = {}): Promise<TypeScriptAdapter> {
  adapter = new TypeScriptAdapter({
    handlerRoots: [root],
    env: { PATH: '/usr/bin' },
    log: (record) => lines.push(record),
    threads: 1,
    cancelGraceMs: 200,
    ...options,
  })
  await adapter.start()
  return adapter
}

function callOf(callable: string, context = '{}', method: string | null = null): HandlerCall {
  const call = handlerCall({ callable, context: context as JsonText })
  const requests = call.requests.map((request) => ({ ...request, handler: { ...request.handler, method } }))
  return { ...call, requests }
}

async function run(callable: string, context?: string): Promise<StepResult | undefined> {
  return (await adapter.execute(callOf(callable, context), events))[0]
}

beforeEach(async () => {
  lines = []
  root = await mkdtemp(join(tmpdir(), 'stephost-adapter-'))
  await writeFile(join(root, 'handlers.ts'), handlers)
})
afterEach(async () => {
  await adapter.stop()
  await rm(root, { recursive: true })
})

describe('a call', () => {
  it('keeps numbers as the design says', async () => {
    await started()
    expect(await run('t.echo', '{"value":[9223372036854775807, 1.0, 1e20]}')).toMatchObject({
      result: '{"value":[9223372036854775807,1,100000000000000000000.0]}',
    })
    expect(await run('t.raw', '{"value":[1.0,  1e2]}')).toMatchObject({ result: '{"value":[1.0,  1e2]}' })
  })

  it('sees the environment that it is given and nothing else', async () => {
    vi.stubEnv('DATABASE_URL', 'postgres://secret')
    await started()
    vi.unstubAllEnvs()
    expect(await run('t.env')).toMatchObject({ result: '{"PATH":"/usr/bin"}' })
  })

  it('fails as its error says', async () => {
    await started()
    expect(await run('t.permanent')).toMatchObject({
      errorType: 'permanent_error',
      retryable: false,
      context: '{"code":51}',
      backtrace: [expect.stringContaining(`${root}/handlers.ts:17:11`)],
    })
    expect(await run('t.later')).toMatchObject({
      errorType: 'retryable_error',
      retryable: true,
      retryAfterS: 2,
      message: 'gateway busy \ufffd',
    })
  })

  it('reaches the method that the template names', async () => {
    await started()
    const outcome = async (method: string) => (await adapter.execute(callOf('Methods', '{}', method), events))[0]
    expect(await outcome('refund')).toMatchObject({ success: true, result: '"refund"' })
    expect(await outcome('reverse')).toMatchObject({
      retryable: false,
      message:
        'Handler t.methods (handlers.ts): it has no method "reverse"; add the method to the class or correct `handler.method` in the template.',
    })
  })

  it('has its output in order and with its name on it', async () => {
    await started()
    await run('t.talk')
    const step = expect.any(String)
    const said = lines.map(({ stream, line }) => `${stream} ${line}`)
    expect(said).toEqual(['stdout one', 'stdout two 2', 'stderr three', 'stdout no line end'])
    await expect
      .poll(() => lines.at(-1))
      .toMatchObject({ runtime: 'typescript', stream: 'stdout', level: 'info', line: 'after', pid: null, step })
  })
})

describe('what a handler tells while it runs', () => {
  it('is stored as checkpoints, or refused with the reason', async () => {
    await started()
    const seen: unknown[] = []
    const checkpoint: CallEvents['checkpoint'] = (step, data) => {
      seen.push([step, data])
      const refused = data.includes('refused')
      return Promise.resolve({ stored: !refused, message: refused ? 'The claim is lost.' : null })
    }
    const call = callOf('t.save')
    const [result] = await adapter.execute(call, { ...events, checkpoint })
    expect(result).toMatchObject({ success: true, result: '{"saved":["stored","The claim is lost."]}' })
    const step = call.requests[0]?.stepId
    expect(seen).toEqual([
      [step, '{"cursor":{"page":1.5},"items_processed":3}'],
      [step, '{"cursor":"refused","items_processed":3}'],
    ])
  })

  it('waits for no answer that comes after its call', async () => {
    await started()
    const checkpoint: CallEvents['checkpoint'] = () => new Promise(() => {})
    await adapter.execute(callOf('t.leave'), { ...events, checkpoint })
    const [second] = await adapter.execute(callOf('t.leave'), { ...events, checkpoint })
    expect(second).toMatchObject({ success: true, result: '{"result":"The call is over."}' })
  })

  it('is logged with level, fields and whose it is', async () => {
    await started()
    const call = callOf('t.log')
    await adapter.execute(call, events)
    const [request] = call.requests
    const whose = { step: request?.stepId, task: request?.taskId, correlationId: request?.correlationId }
    const line = { runtime: 'typescript', stream: 'log', handler: 't.log', pid: null, ...whose }
    expect(lines).toEqual([
      { ...line, level: 'error', line: 'reserved', fields: '{"sku":"a1","count":9007199254740993}' },
      { ...line, level: 'debug', line: 'two', fields: null },
      { ...line, level: 'debug', line: 'lines', fields: null },
    ])
  })

  it('knows its trace and its deadline', async () => {
    await started()
    const call = { ...callOf('t.call'), deadlineAt: performance.now() + 600_000 }
    const trace = call.requests[0]?.correlationId.replaceAll('-', '')
    const [result] = await adapter.execute(call, events)
    expect(result).toMatchObject({ result: expect.stringMatching(`"traceparent":"00-${trace}-[0-9a-f]{16}-01"`) })
    expect(result).toMatchObject({ result: expect.stringMatching(/"seconds":(600|59\d)\b/) })
  })
})

describe('reload', () => {
  const versioned = (version: number) =>
    `import { defineHandler } from 'stephost'
     export const v = defineHandler('t.version', {}, async () => ({ version: ${version} }))`

  it('runs new calls in fresh threads, and lets the old calls end in theirs (field note 28)', async () => {
    await writeFile(join(root, 'version.ts'), versioned(1))
    await started()
    const waiting = callOf('t.wait')
    const waited = adapter.execute(waiting, events)
    await writeFile(join(root, 'version.ts'), versioned(2))
    expect(await adapter.reload()).toEqual({ live: true, problem: null })
    expect(await run('t.version')).toMatchObject({ success: true, result: '{"version":2}' })
    adapter.cancel(waiting.id, 'shutdown')
    expect(await waited).toMatchObject([{ success: true, result: '{"cancelled":true}' }])
  })

  it('is refused when a file that serves does not load any more (field note 28)', async () => {
    await writeFile(join(root, 'version.ts'), versioned(1))
    await started()
    await writeFile(join(root, 'version.ts'), 'export const = 1')
    const problem = expect.stringContaining('version.ts')
    expect(await adapter.reload()).toEqual({ live: false, problem })
    expect(await run('t.version')).toMatchObject({ success: true, result: '{"version":1}' })
    expect(adapter.loadFailures()).toContainEqual(expect.objectContaining({ file: problem }))
    expect(adapter.health()).toEqual({ status: 'degraded', message: problem })
    await writeFile(join(root, 'version.ts'), versioned(3))
    expect(await adapter.reload()).toEqual({ live: true, problem: null })
    expect(await run('t.version')).toMatchObject({ success: true, result: '{"version":3}' })
    expect(adapter.health()).toEqual({ status: 'healthy', message: null })
  })
})

describe('a thread', () => {
  it('is ended when a call spins, and what waits for it runs in the next one', async () => {
    await started()
    const mark = join(root, 'mark')
    const spinning = callOf('t.spin', JSON.stringify({ file: mark }))
    const spun = adapter.execute(spinning, events)
    const waited = run('t.echo', '{"value":1}')
    await expect.poll(() => readdir(root)).toContain('mark')
    adapter.cancel(spinning.id, 'timeout')
    expect(await spun).toMatchObject([{ success: false, errorType: 'handler_timeout', retryable: true }])
    expect(await waited).toMatchObject({ success: true, result: '{"value":1}' })
    expect(adapter.health()).toEqual({ status: 'healthy', message: null })
  })

  it('costs only its own calls when it dies of hunger for memory', async () => {
    await started({ threads: 2, memoryMaxMb: 32 })
    const waiting = callOf('t.wait')
    const waited = adapter.execute(waiting, events)
    expect(await run('t.hoard')).toMatchObject({
      errorType: 'handler_lost',
      message: expect.stringContaining('memory'),
    })
    adapter.cancel(waiting.id, 'shutdown')
    expect(await waited).toMatchObject([{ success: true, result: '{"cancelled":true}' }])
  })

  it('loses every call that it held, each once, when a handler ends it, and nothing of the thread beside it', async () => {
    await started({ threads: 2 })
    const calls = Array.from({ length: 4 }, () => callOf('t.wait'))
    const settled: (StepResult | undefined)[] = []
    const results = calls.map(async (call) => settled.push((await adapter.execute(call, events))[0]))
    expect(await run('t.exit')).toMatchObject({ errorType: 'handler_lost', message: expect.stringContaining('code 7') })
    await expect.poll(() => settled.length).toBe(2)
    expect(settled).toMatchObject([{ errorType: 'handler_lost' }, { errorType: 'handler_lost' }])
    for (const { id } of calls) adapter.cancel(id, 'shutdown')
    await Promise.all(results)
    expect(settled.slice(2)).toMatchObject([{ success: true }, { success: true }])
    await expect.poll(() => adapter.health().status).toBe('healthy')
  })

  it('survives stray promises and timers', async () => {
    await started()
    expect(await run('t.stray')).toMatchObject({ success: true })
    const said = lines.map(({ line }) => line).join('\n')
    expect(said).toContain('stray promise')
    expect(said).toContain('stray timer')
  })

  it('gives no second call to a synchronous handler, and tells the one that waited in vain that it never ran', async () => {
    await started()
    const mark = join(root, 'mark')
    const spinning = callOf('t.spin', JSON.stringify({ file: mark }))
    const spun = adapter.execute(spinning, events)
    const waiting = callOf('t.echo')
    const waited = adapter.execute(waiting, events)
    adapter.cancel(waiting.id, 'timeout')
    await expect(waited).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    adapter.cancel(spinning.id, 'lease_lost')
    expect(await spun).toMatchObject([{ errorType: 'handler_lost' }])
  })
})

describe('the adapter', () => {
  it('answers each of many calls that come in bursts, while earlier ones still wait for their turn', async () => {
    await started({ inFlightMaxPerThread: 16 })
    let left = 500
    const caller = async () => {
      for (left -= 1; left >= 0; left -= 1)
        expect(await run('t.echo', `{"value":${left}}`)).toMatchObject({ success: true })
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    expect(left).toBeLessThan(0)
  })

  it('holds no more calls than it says', async () => {
    await started({ inFlightMaxPerThread: 2 })
    expect(adapter.inFlightMax).toBe(2)
    const held = [callOf('t.wait'), callOf('t.wait')]
    const results = held.map((call) => adapter.execute(call, events))
    await expect(run('t.echo')).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    for (const { id } of held) adapter.cancel(id, 'shutdown')
    expect((await Promise.all(results)).flat().map(({ success }) => success)).toEqual([true, true])
  })

  it('settles what runs when it stops, and serves nobody afterwards', async () => {
    await started()
    const running = adapter.execute(callOf('t.wait'), events)
    await Promise.all([adapter.stop(), adapter.stop()])
    expect(await running).toMatchObject([{ errorType: 'handler_lost' }])
    await expect(run('t.echo')).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
  })

  it('refuses a handler directory that is not there', async () => {
    await expect(started({ handlerRoots: [join(root, 'gone')] })).rejects.toMatchObject({
      code: 'HANDLERS_DIR_MISSING',
    })
  })

  it('does not wait for ever for a file that does not load', async () => {
    await writeFile(
      join(root, 'stuck.ts'),
      "import 'stephost'\nawait new Promise((resolve) => setTimeout(resolve, 1e9))",
    )
    await expect(started({ startTimeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringContaining('did not load within 1000 ms'),
    })
  })
})
