// Several processes of one language: who gets a call, who is replaced when, and how a new version takes over.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostError } from '../../../src/model/host-error.ts'
import { eventually } from '../../fixtures/eventually.ts'
import {
  begin,
  guest,
  isRunning,
  lines,
  neverRecycled,
  run,
  servingPid,
  sidecar,
  started,
  stopSidecarsAfterEach,
  works,
} from '../../fixtures/sidecars/faulty-sidecar.ts'

stopSidecarsAfterEach()
let directory = ''
let state = ''
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stephost-'))
  state = path.join(directory, 'state')
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('a pool', () => {
  it('gives each call to the process with the fewest, and holds as many as all together', async () => {
    const ruby = await started({ processes: 2, inFlightMax: 2 })
    expect(ruby.inFlightMax).toBe(4)
    const waiting = Array.from({ length: 3 }, () => begin(ruby, 'waits-for-cancel'))
    // Three wait in two processes: the fourth call finds the one with room.
    expect(await run(ruby, 'works')).toMatchObject(works)
    const last = begin(ruby, 'waits-for-cancel')
    await expect(run(ruby, 'works')).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    for (const { call, result } of [...waiting, last]) {
      ruby.cancel(call.id, 'shutdown')
      expect(await result).toMatchObject({ success: true })
    }
  })

  it('serves as long as one of its processes does, and says that one is missing', async () => {
    const ruby = await started({ processes: 2 })
    const killed = run(ruby, 'killed-mid-call')
    await killed
    expect(ruby.health()).toMatchObject({
      status: 'degraded',
      message: expect.stringMatching(/1 of 2 processes serve.*SIGKILL/),
    })
    expect(await run(ruby, 'works')).toMatchObject(works)
    await eventually('both serve again', () => ruby.health().status === 'healthy')
  })

  it('starts although one of its processes does not', async () => {
    writeFileSync(state, '0')
    const ruby = sidecar('fails-second-start', { processes: 2 }, state)
    await ruby.start()
    expect(await run(ruby, 'works')).toMatchObject(works)
    await eventually('both serve', () => ruby.health().status === 'healthy')
  })
})

describe('recycling', () => {
  it('replaces a process that has taken its calls, and loses none (field note 10)', async () => {
    const ruby = await started({ recycle: { ...neverRecycled, callsMax: 10 } })
    const first = await servingPid(ruby)
    // Every one of these calls is answered, before, while and after the process is replaced.
    await eventually('another process serves', async () => (await servingPid(ruby)) !== first)
    await eventually('the first process has ended', () => !isRunning(first))
    expect(lines()).toContain('told to reload')
  })

  it('waits for the calls of the process that it replaces', async () => {
    const ruby = await started({ recycle: { ...neverRecycled, callsMax: 1 } })
    const first = await servingPid(ruby)
    const long = begin(ruby, 'waits-for-cancel')
    await eventually('another process serves', async () => (await servingPid(ruby)) !== first)
    ruby.cancel(long.call.id, 'shutdown')
    expect(await long.result).toMatchObject({ success: true })
    await eventually('the first process has ended', () => !isRunning(first))
  })

  it('replaces a process whose memory grew above the soft limit, after its calls (field note 11)', async () => {
    const ruby = await started({ recycle: { ...neverRecycled, rssSoftMaxBytes: 300 * 1_048_576 } })
    const first = await servingPid(ruby)
    expect(await run(ruby, 'leaks-memory', { megabytes: 400, answers: true })).toMatchObject(works)
    await eventually('another process serves', async () => (await servingPid(ruby)) !== first)
    await eventually('the first process has ended', () => !isRunning(first))
  })

  it('ends idle processes but one, and starts them again for work (field note 10)', async () => {
    const ruby = await started({ processes: 2, inFlightMax: 1, recycle: { ...neverRecycled, idleMaxMs: 100 } })
    await eventually('one process is left', () => lines().includes('told to reload'))
    expect(ruby.health()).toEqual({ status: 'healthy', message: null })
    const long = begin(ruby, 'waits-for-cancel')
    expect(await run(ruby, 'works')).toMatchObject(works)
    ruby.cancel(long.call.id, 'shutdown')
    await long.result
  })
})

describe('reload', () => {
  it('brings the new version live, and lets calls end in the old one (field note 28)', async () => {
    writeFileSync(state, '1.0.0')
    const ruby = await started({ processes: 2 }, 'versions', state)
    const old = await servingPid(ruby)
    const long = begin(ruby, 'waits-for-cancel')
    writeFileSync(state, '2.0.0')
    expect(await ruby.reload()).toEqual({ live: true, problem: null })
    expect(ruby.handlers()[0]).toMatchObject({ version: '2.0.0' })
    expect(await servingPid(ruby)).not.toBe(old)
    ruby.cancel(long.call.id, 'shutdown')
    expect(await long.result).toMatchObject({ success: true })
    await eventually('the old process has ended', () => !isRunning(old))
  })

  it('is refused when a file that serves does not load any more: the old version goes on (field note 28)', async () => {
    writeFileSync(state, '1.0.0')
    const ruby = await started({}, 'versions', state)
    const old = await servingPid(ruby)
    writeFileSync(state, 'broken')
    const problem = expect.stringContaining('It is broken.')
    expect(await ruby.reload()).toEqual({ live: false, problem })
    expect(await servingPid(ruby)).toBe(old)
    expect(ruby.handlers()[0]).toMatchObject({ version: '1.0.0' })
    expect(ruby.loadFailures()).toMatchObject([{ message: 'It is broken.' }])
    expect(ruby.health()).toMatchObject({ status: 'degraded', message: problem })

    writeFileSync(state, '3.0.0')
    expect(await ruby.reload()).toEqual({ live: true, problem: null })
    expect(ruby.handlers()[0]).toMatchObject({ version: '3.0.0' })
    expect(ruby.loadFailures()).toEqual([])
    expect(ruby.health()).toEqual({ status: 'healthy', message: null })
  })

  it('after a crash in the middle of a refused reload a handler runs where it is still known', async () => {
    writeFileSync(state, '1.0.0')
    const ruby = await started({ processes: 2 }, 'versions', state)
    writeFileSync(state, 'broken')
    await ruby.reload()
    await run(ruby, 'killed-mid-call')
    await eventually('both serve again', () => !ruby.health().message?.includes('processes serve'))
    for (let call = 0; call < 6; call += 1) expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('after such a crash of the only process gives back what waits for a handler that it does not know any more', async () => {
    writeFileSync(state, '1.0.0')
    const ruby = await started({}, 'versions', state)
    writeFileSync(state, 'broken')
    await ruby.reload()
    await run(ruby, 'killed-mid-call')
    await expect(run(ruby, 'works')).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    await eventually('what serves is announced', () => ruby.handlers().length === 0)
  })

  it('is refused when no process can be spawned, and the next one is tried all the same', async () => {
    const command = [process.execPath, guest, 'good']
    let missing = false
    const ruby = await started({
      command: () => {
        if (missing) throw new HostError('HANDLERS_DIR_MISSING', 'The directory is gone.')
        return command
      },
    })
    const old = await servingPid(ruby)
    missing = true
    expect(await ruby.reload()).toEqual({ live: false, problem: 'The directory is gone.' })
    expect(await servingPid(ruby)).toBe(old)
    missing = false
    expect(await ruby.reload()).toEqual({ live: true, problem: null })
    missing = true
    await ruby.reload()
    await ruby.stop()
  })

  it('several at once come one after another, and the last version serves', async () => {
    writeFileSync(state, '1.0.0')
    const ruby = await started({}, 'versions', state)
    writeFileSync(state, '2.0.0')
    const first = ruby.reload()
    writeFileSync(state, '3.0.0')
    expect(await Promise.all([first, ruby.reload()])).toEqual([
      { live: true, problem: null },
      { live: true, problem: null },
    ])
    expect(ruby.handlers()[0]).toMatchObject({ version: '3.0.0' })
  })
})
