// A place of the pool: whatever meets there — deaths, waits, reloads — one process serves and none is forgotten.

import { describe, expect, it } from 'vitest'
import type { SidecarProcess } from '../../../src/adapters/sidecar/sidecar-process.ts'
import { SidecarSlot } from '../../../src/adapters/sidecar/sidecar-slot.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** A process whose hello and death the test decides; only what a place looks at. */
class ScriptedProcess {
  readonly livedMs = 0
  readonly channel = { closedBy: null }
  readonly #said: Promise<void>
  readonly exited: Promise<void>
  greet: () => void = () => {}
  fail: () => void = () => {}
  die: () => void = () => {}

  constructor() {
    this.#said = new Promise((resolve, reject) => {
      this.greet = resolve
      this.fail = () => reject(new Error('no hello'))
    })
    this.exited = new Promise((resolve) => {
      this.die = resolve
    })
  }

  ready(): Promise<void> {
    return this.#said
  }

  async shutDown(): Promise<void> {
    this.die()
  }
}

const restartMs = 20

function openSlot() {
  const spawned: ScriptedProcess[] = []
  const retired: ScriptedProcess[] = []
  const spawn = (): SidecarProcess => {
    const process = new ScriptedProcess()
    spawned.push(process)
    return process as unknown as SidecarProcess
  }
  const slot = new SidecarSlot({
    restart: { baseMs: restartMs, maxMs: restartMs, stableMs: 1000 },
    spawn,
    changed: () => {},
    retire: (process) => retired.push(process as unknown as ScriptedProcess),
    warn: () => {},
  })
  /** Everything that runs, but for the one that serves, has been handed on. */
  const forgotten = () => spawned.filter((each) => !retired.includes(each) && !isServing(each))
  const isServing = (each: ScriptedProcess): boolean => (slot.serving as unknown) === each
  return { slot, spawned, spawn, forgotten, isServing }
}

async function served() {
  const place = openSlot()
  const opened = place.slot.open()
  place.spawned[0]?.greet()
  await opened
  return place
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 0))

describe('SidecarSlot', () => {
  it('starts one process, not two, when the files change while a restart waits', async () => {
    const { slot, spawned } = await served()
    spawned[0]?.die()
    // No timer runs between the death and the next line, so the wait before the restart is surely still on.
    await spawned[0]?.exited
    expect(slot.serving).toBeNull()
    slot.restart()
    spawned[1]?.greet()
    await eventually('the next one serves', () => slot.serving !== null)
    // The wait of the first death would be over by now: a second timer of the same length says so.
    await new Promise((resolve) => setTimeout(resolve, restartMs))
    await turns()
    expect(spawned).toHaveLength(2)
    await slot.stop(0)
  })

  it('hands on what it was starting when a process of a newer version takes over', async () => {
    const { slot, spawned, spawn, forgotten, isServing } = await served()
    spawned[0]?.die()
    await eventually('another one starts', () => spawned.length === 2)
    slot.exchange(spawn())
    spawned[1]?.greet()
    await eventually('one more starts', () => spawned.length === 4)
    spawned[3]?.greet()
    await eventually('it serves', () => spawned[3] !== undefined && isServing(spawned[3]))
    expect(forgotten()).toEqual([spawned[0]])
    await slot.stop(0)
  })

  it('knows of two starts side by side: it is not parked when one is over, and its stop ends the other', async () => {
    const { slot, spawned, spawn } = await served()
    spawned[0]?.die()
    await eventually('another one starts', () => spawned.length === 2)
    slot.exchange(spawn())
    spawned[2]?.die()
    await eventually('one more starts beside it', () => spawned.length === 4)
    spawned[3]?.greet()
    await eventually('it serves', () => slot.serving !== null)
    slot.park()
    expect(slot.isParked).toBe(false)
    let ended = false
    void spawned[1]?.exited.then(() => {
      ended = true
    })
    await slot.stop(0)
    await turns()
    expect(ended).toBe(true)
  })

  it('starts again when a replacement fails whose predecessor was let go meanwhile', async () => {
    const { slot, spawned } = await served()
    const renewal = slot.renew()
    slot.restart()
    spawned[1]?.fail()
    await renewal
    await eventually('another one starts', () => spawned.length === 3)
    spawned[2]?.greet()
    await eventually('it serves', () => slot.serving !== null)
    await slot.stop(0)
  })
})
