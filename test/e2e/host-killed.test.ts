// A host that is killed with -9 leaves nothing: neither a handler that holds its interpreter's lock nor what a handler has started.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { isAlive } from './gated-project.ts'

/** Each starts a child, notes both process ids, and then keeps the interpreter to itself: C code that does not give the lock back. */
const hogs = {
  'hog.py': `import ctypes
import os
import subprocess

from stephost import StepHandler


class Hog(StepHandler):
    handler_name = "e2e.hog_python"

    def call(self, context):
        child = subprocess.Popen(["sleep", "600"])
        with open(context.get_input("file"), "w") as file:
            file.write(f"{os.getpid()} {child.pid}\\n")
        ctypes.PyDLL(None).sleep(600)
`,
  'hog.rb': `require "fiddle"
require "stephost"

class Hog < Stephost::StepHandler::Base
  def handler_name
    "e2e.hog_ruby"
  end

  def call(context)
    child = spawn("sleep", "600")
    File.write(context.get_input("file"), "#{Process.pid} #{child}\\n")
    sleep_in_c = Fiddle::Handle::DEFAULT["sleep"]
    Fiddle::Function.new(sleep_in_c, [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true).call(600)
  end
end
`,
}

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stephost-killed-'))
  for (const [name, code] of Object.entries(hogs)) writeFileSync(join(directory, name), code)
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('a host killed with -9', () => {
  it.each(['python', 'ruby'])(
    'takes a %s handler and its children along (field notes 7, 8 and 12)',
    async (language) => {
      const file = join(directory, 'pids')
      const host = spawn(
        resolve('bin/stephost'),
        ['invoke', `e2e.hog_${language}`, '--handlers', directory, '--context', JSON.stringify({ file })],
        { stdio: 'ignore' },
      )
      const exited = once(host, 'exit')
      try {
        // Seen half written, it names a process that never was.
        const text = await eventually(
          'the handler runs',
          () => existsSync(file) && /^\d+ \d+\n$/.exec(readFileSync(file, 'utf8'))?.[0],
          45_000,
        )
        const pids = text.trim().split(' ').map(Number)
        expect(pids.map(isAlive)).toEqual([true, true])
        host.kill('SIGKILL')
        await exited
        await eventually('nothing is left', () => !pids.some(isAlive))
      } finally {
        host.kill('SIGKILL')
      }
    },
    60_000,
  )
})
