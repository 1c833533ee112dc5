// The sentence about a death names its cause: an exit, a signal, want of memory, or what the host ended it for.

import { describe, expect, it } from 'vitest'
import {
  blamesHandlers,
  type Death,
  deathSentence,
  type EndReason,
  endedItself,
} from '../../../src/adapters/sidecar/death.ts'
import { cpuTicks, oomKills, rssBytes } from '../../../src/adapters/sidecar/process-status.ts'

const exited: Death = {
  ...{ exitCode: 7, signal: null, endedBy: null, livedMs: 120, torn: false },
  ...{ outOfMemory: false, rssBytes: null, lastLines: [] },
}
const killed: Death = { ...exited, exitCode: null, signal: 'SIGKILL', rssBytes: 500 * 1_048_576 }

describe('the sentence about a death', () => {
  it.each<[string, Death, string]>([
    ['an exit', exited, 'exited with code 7 after 120 ms'],
    [
      'an exit within a message',
      { ...exited, torn: true },
      'exited with code 7 after 120 ms in the middle of a message',
    ],
    ['last lines', { ...exited, lastLines: ['a', 'b'] }, 'exited with code 7 after 120 ms; its last lines: a | b'],
    ['a crash', { ...killed, signal: 'SIGSEGV' }, 'was ended by SIGSEGV after 120 ms'],
    [
      'a kill from outside',
      killed,
      'was ended by SIGKILL after 120 ms (not by stephost, with 500 MB of memory at the last look)',
    ],
    [
      'want of memory, as such and not as garbage (field note 5)',
      { ...killed, outOfMemory: true },
      'was ended by SIGKILL after 120 ms (the kernel was out of memory, with 500 MB of memory at the last look: give the handler less data at once, or the machine more memory)',
    ],
    [
      'a kill by the host',
      { ...killed, endedBy: { reason: 'silent', because: 'it was silent for 10000 ms' } },
      'was ended by SIGKILL after 120 ms (it was silent for 10000 ms)',
    ],
  ])('names %s', (_what, death, sentence) => {
    expect(deathSentence(death)).toBe(sentence)
  })

  it.each<[EndReason, boolean]>([
    ['stopped', false],
    ['overdue', false],
    ['silent', true],
    ['memory', true],
    ['broken_wire', true],
  ])('of a process that was ended as %s blames what ran there: %s', (reason, blames) => {
    expect(blamesHandlers({ ...killed, endedBy: { reason, because: '' } })).toBe(blames)
    expect(blamesHandlers(exited)).toBe(true)
  })

  it.each<[string, Death, boolean]>([
    ['an exit', exited, true],
    ['a crash', { ...killed, signal: 'SIGSEGV' }, true],
    ['an abort', { ...killed, signal: 'SIGABRT' }, true],
    ['a kill from outside', killed, false],
    ['a supervisor that stops everything', { ...killed, signal: 'SIGTERM' }, false],
    ['the same, through the wrapper of a shell', { ...killed, signal: null, exitCode: 143 }, false],
    ['want of memory', { ...exited, outOfMemory: true }, false],
    ['an end by the host', { ...exited, endedBy: { reason: 'memory', because: 'it was large' } }, false],
    [
      'a crash that the host had ended before',
      { ...killed, signal: 'SIGSEGV', endedBy: { reason: 'overdue', because: '' } },
      false,
    ],
  ])('after %s says whether the process ended itself', (_what, death, itself) => {
    expect(endedItself(death)).toBe(itself)
  })
})

describe('what the kernel says', () => {
  it('about this process, and about none', () => {
    expect(rssBytes(process.pid)).toBeGreaterThan(10_000_000)
    expect(cpuTicks(process.pid)).toBeGreaterThan(0)
    expect(oomKills()).toBeGreaterThanOrEqual(0)
    // Process ids end at 4,194,304.
    expect(rssBytes(99_999_999)).toBeNull()
    expect(cpuTicks(99_999_999)).toBeNull()
  })
})
