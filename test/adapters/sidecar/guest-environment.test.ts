// Handlers get no secrets: the allow-list and nothing else.

import { describe, expect, it } from 'vitest'
import { guestEnvironment } from '../../../src/adapters/sidecar/guest-environment.ts'

describe('guestEnvironment', () => {
  it('passes the allowed variables that exist and the given ones, which win', () => {
    const host = { PATH: '/bin', HOME: '/root', DATABASE_URL: 'postgres://secret', AWS_SECRET: 'x', LANG: undefined }
    expect(guestEnvironment({ PYTHONPATH: 'src', HOME: '/tmp' }, host)).toEqual({
      PATH: '/bin',
      HOME: '/tmp',
      PYTHONPATH: 'src',
    })
  })
})
