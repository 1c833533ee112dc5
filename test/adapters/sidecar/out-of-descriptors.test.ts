// A host without a free file descriptor: no guest starts then, the host lives on, and the next try serves.

import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildScript, type Script } from '../../fixtures/script.ts'
import { guest } from '../../fixtures/sidecars/faulty-sidecar.ts'

let script: Script
beforeAll(async () => {
  script = await buildScript('test/fixtures/sidecars/out-of-descriptors.ts')
})
afterAll(() => script.remove())

describe('a sidecar without a free file descriptor', () => {
  it('cannot be started, which ends nothing, and is started again', async () => {
    const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, script.file, guest]
    const { stdout, stderr } = await execa('sh', limited, { reject: false, timeout: 30_000 })
    expect(stderr).toBe('')
    const first = expect.stringMatching(/cannot be started: .*EMFILE/)
    expect(JSON.parse(stdout)).toEqual({ first, served: true, servedAgain: true })
  })
})
