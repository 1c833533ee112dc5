// The table of error codes in the README and the one in the code are the same.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { hostErrorHints } from '../../src/model/host-error.ts'

it('lists every error code with its hint in the README, and no other', () => {
  const readme = readFileSync('README.md', 'utf8')
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (.+) \|$/gm)].map(([, code, hint]) => [code, hint])
  expect(Object.fromEntries(rows)).toEqual({ ...hostErrorHints })
})
