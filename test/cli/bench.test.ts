// The bench: a run too small to mean anything still measures, and a lost result leaves no figure.
import { describe, expect, it } from 'vitest'
import { stephost } from './stephost.ts'

const tiny = ['w1', '--tasks', '40', '--runs', '1', '--warm-up', '0', '--systems', 'stephost']
const timeoutMs = 120_000

describe('bench', () => {
  it(
    'measures the real worker and its costs',
    async () => {
      const { code, stdout, stderr } = await stephost(['bench', ...tiny, '--json'], { timeoutMs })
      expect(code, stderr).toBe(0)
      expect(stderr).toContain('fsync=on')
      const { cells, judgements } = JSON.parse(stdout)
      expect(cells).toMatchObject([{ workload: 'w1', system: 'stephost', count: 40 }])
      const [run] = cells[0].runs
      expect(run.stepsPerS).toBeGreaterThan(0)
      expect(run.walKbPerK).toBeGreaterThan(0)
      expect(run.commitsPerK).toBeGreaterThan(0)
      expect(judgements).toMatchObject([{ figure: 'w1: resident memory of the host', bound: 'most', limit: 200 }])
    },
    timeoutMs,
  )

  it(
    'prints no figure when the result of a message was lost',
    async () => {
      const args = ['bench', 'w3', '--tasks', '3', '--runs', '1', '--self-test', '--json']
      const { code, stdout, stderr } = await stephost(args, { timeoutMs })
      expect(stderr).toContain('no figure: bench_messages: 1 steps lost their result')
      expect(stdout).toBe('')
      expect(code).toBe(0)
    },
    timeoutMs,
  )

  it(
    'prints no figure when a result was lost',
    async () => {
      const { code, stdout, stderr } = await stephost(['bench', ...tiny, '--json', '--self-test'], { timeoutMs })
      expect(stderr).toContain(
        'no figure: stephost: 1 steps lost their result; 1 invocations of handlers have no stored result',
      )
      expect(stdout).toBe('')
      expect(code).toBe(0)
    },
    timeoutMs,
  )
})
