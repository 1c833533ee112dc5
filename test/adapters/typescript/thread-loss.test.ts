// What becomes of the calls of a thread that is ended: those that had started are lost, all others run elsewhere.
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  TypeScriptAdapter,
  type TypeScriptAdapterOptions,
} from '../../../src/adapters/typescript/typescript-adapter.ts'
import type { StepId } from '../../../src/model/ids.ts'
import type { JsonText } from '../../../src/model/json-text.ts'
import type { CallEvents, HandlerCall } from '../../../src/model/runtime-adapter.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'

const busyHandlers = `
  import { appendFileSync, existsSync } from 'node:fs'
  import { defineHandler } from 'stephost'
  export const echo = defineHandler('t.echo', {}, async () => ({ done: true }))
  export const busy = defineHandler('t.busy', { inputs: { file: 'file', gate: 'gate' } }, async ({ file, gate }) => {
    appendFileSync(String(file), 'x')
    while (!existsSync(String(gate)));
    return {}
  })`

let root: string
let mark: string
let adapter: TypeScriptAdapter
let startedSteps: StepId[]
const events: CallEvents = {
  started: (step) => startedSteps.push(step),
  log: () => {},
  checkpoint: () => Promise.resolve({ stored: false, message: null }),
}
const done = { success: true, result: '{"done":true}' }

async function started(options: Partial<TypeScriptAdapterOptions> = {}): Promise<void> {
  adapter = new TypeScriptAdapter({
    ...{ handlerRoots: [root], env: {}, log: () => {}, threads: 1, cancelGraceMs: 200, ...options },
  })
  await adapter.start()
}

function begin(callable: string, context: object = {}) {
  const call: HandlerCall = handlerCall({ callable, context: JSON.stringify(context) as JsonText })
  const result = adapter.execute(call, events).then(([first]) => first)
  return { call, step: call.requests[0]?.stepId, result }
}

/** An `async` handler that holds its thread until the gate is there, and is at it. */
async function busy(gate = 'never') {
  const spinning = begin('t.busy', { file: mark, gate })
  await marked(1)
  return spinning
}
const marks = async () => (await readFile(mark, 'utf8').catch(() => '')).length
const marked = (count: number) => eventually(`${count} run`, async () => (await marks()) === count)

beforeEach(async () => {
  startedSteps = []
  root = await mkdtemp(join(tmpdir(), 'stephost-threads-'))
  mark = join(root, 'mark')
  await writeFile(join(root, 'busy.ts'), busyHandlers)
})
afterEach(async () => {
  await adapter.stop()
  await rm(root, { recursive: true })
})

describe('a call that lies unread in a thread that is ended', () => {
  it('runs in the next thread, with the attempt that it had', async () => {
    await started()
    const spinning = await busy()
    const innocent = [begin('t.echo'), begin('t.echo')]
    // The calls go over with this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    adapter.cancel(spinning.call.id, 'timeout')
    expect(await spinning.result).toMatchObject({ errorType: 'handler_timeout' })
    expect(startedSteps).toEqual([spinning.step])
    for (const { result } of innocent) expect(await result).toMatchObject(done)
    expect(startedSteps).toEqual([spinning, ...innocent].map(({ step }) => step))
  })

  it('runs in the next thread also when it came in one turn with the one that spins, before it or behind it', async () => {
    await started()
    const first = begin('t.echo')
    const spinning = begin('t.busy', { file: mark, gate: 'never' })
    const behind = [begin('t.echo'), begin('t.busy', { file: mark, gate: mark })]
    await marked(1)
    expect(await first.result).toMatchObject(done)
    adapter.cancel(spinning.call.id, 'timeout')
    expect(await spinning.result).toMatchObject({ errorType: 'handler_timeout' })
    expect(startedSteps).toEqual([first.step, spinning.step])
    expect(await behind[0]?.result).toMatchObject(done)
    expect(await behind[1]?.result).toMatchObject({ success: true })
    expect(startedSteps).toEqual([first, spinning, ...behind].map(({ step }) => step))
    expect(await marks()).toBe(2)
  })

  it('is given back when its own time is over, too', async () => {
    await started()
    const spinning = await busy()
    const innocent = begin('t.echo')
    const answer = expect(innocent.result).rejects.toMatchObject({ code: 'RUNTIME_DIED' })
    adapter.cancel(spinning.call.id, 'timeout')
    adapter.cancel(innocent.call.id, 'timeout')
    await answer
    expect(await spinning.result).toMatchObject({ errorType: 'handler_timeout' })
    expect(startedSteps).toEqual([spinning.step])
  })

  it('is given back when the adapter stops', async () => {
    await started()
    const spinning = await busy()
    const answer = expect(begin('t.echo').result).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
    await adapter.stop()
    await answer
    expect(await spinning.result).toMatchObject({ errorType: 'handler_lost' })
  })

  it('is lost when it has begun before the host heard of it', async () => {
    await started()
    const gate = join(root, 'gate')
    const first = await busy(gate)
    const second = begin('t.busy', { file: mark, gate: 'never' })
    await new Promise((resolve) => setImmediate(resolve))
    adapter.cancel(first.call.id, 'timeout')
    // The host hears nothing while the first ends, the second begins and the grace of the first passes.
    writeFileSync(gate, '')
    const graceEndsAt = performance.now() + 300
    while (performance.now() < graceEndsAt || readFileSync(mark, 'utf8').length < 2);
    expect(await second.result).toMatchObject({ errorType: 'handler_lost' })
    expect(startedSteps).toEqual([first.step, second.step])
    await first.result
    expect(await marks()).toBe(2)
  })
})

describe('a thread that is replaced after a refused reload', () => {
  it('gets no call of a handler that it does not know, and where none knows it the call is given back', async () => {
    const file = join(root, 'other.ts')
    await writeFile(
      file,
      `import { defineHandler } from 'stephost'
       export const other = defineHandler('t.other', {}, async () => ({ done: true }))`,
    )
    await started({ threads: 2 })
    await writeFile(file, 'export const = 1')
    expect(await adapter.reload()).toMatchObject({ live: false })
    const replaceOne = async () => {
      const spinning = await busy()
      adapter.cancel(spinning.call.id, 'timeout')
      await spinning.result
      await eventually('both run', () => !adapter.health().message?.includes('threads run'))
      await rm(mark)
    }
    await replaceOne()
    // The first place gets a call when both are idle, so the thread that knows it is the second one.
    for (const { result } of Array.from({ length: 4 }, () => begin('t.other'))) expect(await result).toMatchObject(done)
    const gate = join(root, 'gate')
    const held = await busy(gate)
    await rm(mark)
    await replaceOne()
    await writeFile(gate, '')
    await held.result
    await expect(begin('t.other').result).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    expect(await begin('t.unheard').result).toMatchObject({ success: false, retryable: false })
  })
})
