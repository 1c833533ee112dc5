// Which steps can run here, while handlers come and go and runtimes break and mend.
import { describe, expect, it } from 'vitest'
import { HandlerDirectory } from '../../src/dispatch/handler-directory.ts'
import { RunnableSteps } from '../../src/dispatch/runnable-steps.ts'
import type { NamedTaskId } from '../../src/model/ids.ts'
import type { NamedTaskSteps } from '../../src/model/step-store.ts'
import { handlerDescriptor, ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'

function task(...callables: string[]): NamedTaskSteps {
  return {
    namedTaskId: 'order' as NamedTaskId,
    namespace: 'shop',
    name: 'order',
    version: '1.0.0',
    steps: callables.map((callable) => ({ name: `step_${callable}`, callable, resolver: null })),
  }
}

async function setUp() {
  const adapter = new ScriptedAdapter(untilCancelled)
  const directory = new HandlerDirectory([adapter], { namespaceRuntimes: {} })
  const stored = { tasks: [task('work', 'ship')], loads: 0 }
  const source = {
    load: async () => {
      stored.loads += 1
      return stored.tasks
    },
  }
  const options = { namespaces: ['shop'], rootsByTemplate: new Map<string, string>(), refreshMs: 0 }
  const runnable = new RunnableSteps(source, directory, options)
  await runnable.refresh()
  return { adapter, runnable, stored, names: () => runnable.list().map(({ templateStep }) => templateStep) }
}

describe('RunnableSteps', () => {
  it('works the list out once for handlers that stayed the same, in whatever array they come', async () => {
    const { runnable } = await setUp()
    expect(runnable.list()).toBe(runnable.list())
  })

  it('follows handlers that a reload adds and takes away', async () => {
    const { adapter, names } = await setUp()
    expect(names()).toEqual(['step_work'])
    adapter.announced = [...adapter.announced, handlerDescriptor('ship')]
    expect(names()).toEqual(['step_work', 'step_ship'])
    adapter.announced = [handlerDescriptor('ship')]
    expect(names()).toEqual(['step_ship'])
  })

  it('follows the health of the runtime', async () => {
    const { adapter, names } = await setUp()
    adapter.status = 'unhealthy'
    expect(names()).toEqual([])
    adapter.status = 'degraded'
    expect(names()).toEqual(['step_work'])
  })

  it('reads the templates anew after foreign steps and when it was doubted, and only then', async () => {
    const { runnable, stored, names } = await setUp()
    stored.tasks = [task('ship')]
    await runnable.refreshIfOld({ foreign: 0 })
    expect(stored.loads).toBe(1)
    runnable.doubt()
    await runnable.refreshIfOld({ foreign: 0 })
    expect(stored.loads).toBe(2)
    expect(names()).toEqual([])
    await runnable.refreshIfOld({ foreign: 0 })
    expect(stored.loads).toBe(2)
    await runnable.refreshIfOld({ foreign: 1 })
    expect(stored.loads).toBe(3)
  })
})
