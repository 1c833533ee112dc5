// The watcher on real files: what it tells of, what it is silent about, and that a burst is told once.
import fs, { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ignoredNames } from '../src/host-handler-files.ts'
import { HandlerWatcher } from '../src/host-watcher.ts'
import { eventually } from './fixtures/eventually.ts'

let root: string
let bursts: string[][]
let warnings: string[]
let watcher: HandlerWatcher

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'stephost-watch-'))
  for (const name of ['a.py', 'b.rb', 'deep/c.ts']) write(name, 'first')
  bursts = []
  warnings = []
  watcher = new HandlerWatcher({
    handlerRoots: [root],
    isIgnored: ignoredNames(['drafts', '*_old.py']),
    changed: (files) => bursts.push([...files].map((file) => file.slice(root.length + 1)).toSorted()),
    incomplete: (message) => warnings.push(message),
  })
})
afterEach(async () => {
  await watcher.stop()
  rmSync(root, { recursive: true, force: true })
})

function write(name: string, text: string): void {
  const file = join(root, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** The files of all bursts so far. */
const told = () => [...new Set(bursts.flat())].toSorted()
const tells = (name: string) => eventually(`${name} is told`, () => told().includes(name))

/** Whatever came before it has been told, if it is told at all. */
async function isSilentAbout(act: () => void): Promise<void> {
  act()
  write('a.py', 'marker')
  await tells('a.py')
  expect(told()).toEqual(['a.py'])
}

describe('the watcher', () => {
  it('tells of files that are changed, added and removed, in directories of any depth and age', async () => {
    await watcher.start()
    write('a.py', 'second')
    await tells('a.py')
    write('new/er/d.mjs', 'first')
    await tells('new/er/d.mjs')
    rmSync(join(root, 'deep/c.ts'))
    await tells('deep/c.ts')
    write('job.yaml', 'name: job')
    await tells('job.yaml')
    expect(told()).toEqual(['a.py', 'deep/c.ts', 'job.yaml', 'new/er/d.mjs'])
  })

  it("sees editors' atomic saves, again and again", async () => {
    await watcher.start()
    for (const save of [1, 2, 3]) {
      bursts = []
      write('.b.rb.tmp', `save ${save}`)
      renameSync(join(root, '.b.rb.tmp'), join(root, 'b.rb'))
      await tells('b.rb')
    }
    for (const save of [4, 5]) {
      bursts = []
      renameSync(join(root, 'b.rb'), join(root, 'b.rb~'))
      write('b.rb', `save ${save}`)
      await tells('b.rb')
    }
    bursts = []
    write('b.rb', 'in place')
    await tells('b.rb')
  })

  it('tells of a burst once', async () => {
    await watcher.start()
    const names = Array.from({ length: 200 }, (_, index) => `many/h${index}.py`)
    for (const name of names) write(name, 'first')
    await eventually('all are told', () => told().length === names.length)
    expect(bursts.length).toBeLessThan(10)
  })

  it('does not wait for the end of changes that have none', async () => {
    // One file would not do: changes of the same file are told at most every 50 ms.
    const names = Array.from({ length: 10 }, (_, index) => `h${index}.py`)
    for (const name of names) write(name, 'first')
    await watcher.start()
    let writes = 0
    await eventually('it is told', () => {
      appendFileSync(join(root, names[writes++ % names.length] ?? ''), '#')
      return bursts.length > 1
    })
  })

  it('is silent about what no loader looks at', async () => {
    await watcher.start()
    await isSilentAbout(() => {
      for (const name of ['.a.py.swp', '4913', 'a.py~', 'notes.md', '.git/x.py', '.venv/lib/x.py']) write(name, 'x')
      for (const name of ['node_modules/m/x.js', 'target/x.ts', '__pycache__/x.py']) write(name, 'x')
    })
  })

  it('is silent about what the configuration ignores', async () => {
    await watcher.start()
    await isSilentAbout(() => {
      for (const name of ['drafts/x.py', 'deep/drafts/x.rb', 'x_old.py']) write(name, 'x')
    })
  })

  it('does not follow a link to a directory, and follows a link to a file', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'stephost-elsewhere-'))
    try {
      writeFileSync(join(elsewhere, 'y.py'), 'first')
      mkdirSync(join(elsewhere, 'tree'))
      writeFileSync(join(elsewhere, 'tree/x.py'), 'first')
      symlinkSync(join(elsewhere, 'tree'), join(root, 'tree'))
      symlinkSync(join(elsewhere, 'y.py'), join(root, 'y.py'))
      await watcher.start()
      writeFileSync(join(elsewhere, 'tree/x.py'), 'second')
      writeFileSync(join(elsewhere, 'y.py'), 'second')
      await tells('y.py')
      write('a.py', 'marker')
      await tells('a.py')
      expect(told()).toEqual(['a.py', 'y.py'])
    } finally {
      rmSync(elsewhere, { recursive: true })
    }
  })

  it('warns once when the system has no watches left, and goes on with those it has', async () => {
    const watch = fs.watch
    const refusal = Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), {
      code: 'ENOSPC',
    })
    for (const name of ['full/x.py', 'full/y.py', 'full/z.py']) write(name, 'first')
    // The kernel's limit is for the whole machine, so a test cannot reach it without harm.
    fs.watch = ((path: string, ...rest: []) => {
      if (path.includes('full')) throw refusal
      return watch(path, ...rest)
    }) as typeof fs.watch
    syncBuiltinESMExports()
    try {
      await watcher.start()
      await isSilentAbout(() => write('full/x.py', 'second'))
      expect(warnings).toEqual([refusal.message])
    } finally {
      fs.watch = watch
      syncBuiltinESMExports()
    }
  })

  it('may be stopped before it is started, and twice', async () => {
    await watcher.stop()
    await watcher.start()
    await watcher.stop()
    write('a.py', 'second')
    const second = new HandlerWatcher({
      handlerRoots: [root],
      isIgnored: () => false,
      changed: (files) => bursts.push([...files]),
      incomplete: () => {},
    })
    await second.start()
    write('b.rb', 'second')
    await eventually('the second one tells', () => bursts.length > 0)
    await second.stop()
    expect(bursts.flat()).toEqual([join(root, 'b.rb')])
  })
})
