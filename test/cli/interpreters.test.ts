// People see which interpreter serves their handlers, and what is missing in the one that they chose.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { project, stephost } from './stephost.ts'

const ruby = `class Greet < Stephost::StepHandler::Base
  def handler_name = "cli.greet"

  def call(_context) = success(result: {})
end
`

describe('the interpreter of a project', () => {
  it('is named by handlers, for people and for programs', async () => {
    const directory = project({ 'handlers/greet.rb': ruby })
    const { stdout } = await stephost(['handlers'], { cwd: directory })
    expect(stdout).toContain('\nruby is run by ruby')
    const { stdout: document } = await stephost(['handlers', '--json'], { cwd: directory })
    expect(JSON.parse(document).interpreters).toEqual({ ruby: 'ruby' })
  })

  it('is looked at by doctor, with the line that mends it', async () => {
    const directory = project({ 'handlers/greet.rb': ruby })
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', join(directory, 'venv')])
    const { stdout } = await stephost(['doctor', '--json'], { cwd: directory })
    const { checks } = JSON.parse(stdout) as { checks: { name: string; found: string; cure: string | null }[] }
    const python = checks.find(({ name }) => name === 'python with msgpack')
    const program = join(directory, 'venv/bin/python')
    expect(python?.found).toContain(program)
    expect(python?.cure).toBe(`${program} -m pip install msgpack`)
  })
})
