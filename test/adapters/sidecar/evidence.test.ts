// The evidence about a step that kills every process: bounded, private, and a line that can be typed as it stands.

import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { poisonFailure } from '../../../src/adapters/sidecar/evidence.ts'
import { Suspects } from '../../../src/adapters/sidecar/suspects.ts'
import type { StepId } from '../../../src/model/ids.ts'
import type { StepRequest } from '../../../src/model/step-request.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'

let directory = ''
beforeEach(() => {
  directory = path.join(mkdtempSync(path.join(tmpdir(), 'stephost-')), 'evidence of it')
})
afterEach(() => rmSync(path.dirname(directory), { recursive: true }))

function poisoned(stepId = 'step') {
  const [request] = handlerCall({ callable: 'kills' }).requests
  const step = { ...(request as StepRequest), stepId: stepId as StepId }
  const facts = {
    deaths: 3,
    problem: 'It was ended by SIGSEGV; its last lines: last',
    death: null,
    lastLines: ['last'],
    ranMs: 12,
  }
  return poisonFailure(
    { request: step, ...facts },
    { directory, replayOptions: ['--handlers', "it's here", '--config', 'own.toml'] },
  )
}

describe('poisonFailure', () => {
  it('is permanent and can be replayed by a line for the shell', () => {
    const failure = poisoned()
    expect(failure).toMatchObject({ errorType: 'handler_lost', retryable: false, executionTimeMs: 12 })
    expect(failure.message).toContain(
      `; its last lines: last. Replay it: stephost invoke --request '${directory}/step.json' --handlers 'it'\\''s here' --config own.toml`,
    )
    expect(JSON.parse(failure.context)).toMatchObject({ deaths: 3, last_output: ['last'], signal: null })
  })

  it('lets nobody else read what a task carried', () => {
    poisoned()
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(path.join(directory, 'step.json')).mode & 0o777).toBe(0o600)
  })

  it('keeps the newest 200', () => {
    poisoned('z')
    utimesSync(path.join(directory, 'z.json'), 1, 1)
    for (let step = 0; step < 200; step += 1) poisoned(`a${step}`)
    expect(readdirSync(directory)).toHaveLength(200)
    expect(readdirSync(directory)).not.toContain('z.json')
  })
})

describe('Suspects', () => {
  it('counts deaths by step, forgets who is innocent, and has a bound', () => {
    const suspects = new Suspects()
    const step = (number: number) => `s${number}` as StepId
    suspects.blame(step(1))
    suspects.blame(step(1))
    suspects.blame(step(2))
    expect([1, 2, 3].map((number) => suspects.deathsOf(step(number)))).toEqual([2, 1, 0])
    suspects.clear(step(1))
    expect(suspects.deathsOf(step(1))).toBe(0)
    for (let number = 100; number < 10_101; number += 1) suspects.blame(step(number))
    expect(suspects.deathsOf(step(2))).toBe(0)
    expect(suspects.deathsOf(step(10_100))).toBe(1)
  })
})
