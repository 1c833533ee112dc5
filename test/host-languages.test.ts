// The languages of a host over a real handler directory: what its disappearance does to those that follow it.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../src/config/config.ts'
import { HostLanguages } from '../src/host-languages.ts'
import { eventually } from './fixtures/eventually.ts'

let project: string
let said: string[]
let languages: HostLanguages

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'stephost-languages-'))
  said = []
  // Found, and never run: there is no crate to build.
  mkdirSync(join(project, 'bin'))
  writeFileSync(join(project, 'bin/cargo'), '')
  chmodSync(join(project, 'bin/cargo'), 0o755)
  vi.stubEnv('PATH', join(project, 'bin'))
})
afterEach(async () => {
  await languages.stop()
  vi.unstubAllEnvs()
  rmSync(project, { recursive: true, force: true })
})

function follow(root: string): HostLanguages {
  const say = (_details: object, message: string) => said.push(message)
  return new HostLanguages({
    config: loadConfig({ environment: {} }),
    handlerRoots: [root],
    dataDir: null,
    reload: true,
    log: { info: say, warn: say, error: say, handler: () => {} },
    handlerLog: () => {},
    reloaded: () => {},
    templatesChanged: () => {},
  })
}

describe('a handler directory', () => {
  it('that is moved away with Rust files in it ends nothing', async () => {
    const root = join(project, 'handlers')
    mkdirSync(root)
    writeFileSync(join(root, 'notes.rs'), '')
    languages = follow(root)
    await languages.start()
    languages.follow()
    renameSync(root, join(project, 'handlers.old'))
    const line = `rust handlers not loaded: ${root} cannot be read`
    await eventually(`"${line}" is said, not ${said}`, () => said.some((each) => each.startsWith(line)))
    expect(languages.opened.unavailable).toMatchObject([{ runtime: 'rust', error: { code: 'HANDLERS_DIR_MISSING' } }])
  })
})
