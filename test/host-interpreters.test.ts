// Which interpreter is found, by what the project holds; and what is said about packages that cannot be there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ignorePatterns } from '../src/host-handler-files.ts'
import { findGemfile, findPython, missingEnvironment, pythonFault, rubyCommand } from '../src/host-interpreters.ts'
import { HostError } from '../src/model/host-error.ts'

let project: string
let roots: readonly string[]

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'stephost-interpreters-'))
  roots = [join(project, 'handlers'), join(project, 'more')]
  for (const root of roots) mkdirSync(root)
})
afterEach(() => rmSync(project, { recursive: true }))

function put(name: string): string {
  const file = join(project, name)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, '')
  return file
}

describe('the Python of a project', () => {
  it('is the configured one, whatever lies about', () => {
    put('handlers/.venv/bin/python')
    expect(findPython('/opt/python', roots)).toEqual({ program: '/opt/python', origin: 'configured' })
  })

  it('is that of a virtual environment in a handler directory, else of one beside it', () => {
    expect(findPython(null, roots).origin).not.toBe('project')
    for (const name of ['venv', '.venv', 'more/venv', 'more/.venv', 'handlers/venv', 'handlers/.venv']) {
      const program = put(`${name}/bin/python`)
      expect(findPython(null, roots)).toEqual({ program, origin: 'project' })
    }
  })

  it('is found as an absolute path, since programs are not looked up in the directory of the host', () => {
    expect(isAbsolute(findPython(null, ['handlers']).program)).toBe(true)
  })
})

describe('packages', () => {
  it('of requirements.txt without a virtual environment are warned about, with the two commands', () => {
    const requirements = put('requirements.txt')
    const warning = missingEnvironment({ program: '/usr/bin/python3', origin: 'system' }, roots)
    expect(warning).toContain(`${requirements} names packages`)
    expect(warning).toContain(`python3 -m venv ${project}/.venv && ${project}/.venv/bin/python -m pip install`)
    expect(missingEnvironment({ program: '/x/.venv/bin/python', origin: 'project' }, roots)).toBeNull()
    expect(missingEnvironment({ program: '/opt/python', origin: 'configured' }, roots)).toBeNull()
    rmSync(requirements)
    expect(missingEnvironment({ program: '/usr/bin/python3', origin: 'system' }, roots)).toBeNull()
  })

  it('of a Gemfile in a handler directory go before those of one beside it', () => {
    expect(findGemfile(roots)).toBeNull()
    const beside = put('Gemfile')
    expect(findGemfile(roots)).toBe(beside)
    const inside = put('more/Gemfile')
    expect(findGemfile(roots)).toBe(inside)
  })

  it('of a virtual environment in a handler directory are no handlers', () => {
    expect(ignorePatterns(['drafts'], roots)).toEqual(['drafts'])
    put('handlers/venv/pyvenv.cfg')
    expect(ignorePatterns(['drafts'], roots)).toEqual(['drafts', 'venv'])
  })

  it('that Python needs for itself are named with the command that installs them', () => {
    const died = new HostError('RUNTIME_UNAVAILABLE', "exited; its last lines: No module named 'msgpack'")
    expect(pythonFault(died, '/p/python')).toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringContaining('/p/python -m pip install msgpack'),
    })
    const other = new HostError('RUNTIME_UNAVAILABLE', "No module named 'numpy'")
    expect(pythonFault(other, '/p/python')).toBe(other)
  })
})

describe('the Ruby command', () => {
  it('leaves gems out that only make messages longer, where it is sure that this is Ruby', () => {
    for (const program of ['ruby', 'ruby3.1', '/usr/bin/ruby']) {
      const [first, ...options] = rubyCommand(program)
      expect([first, ...options.slice(0, 2)]).toEqual([program, '--disable=did_you_mean', '--disable=error_highlight'])
    }
    expect(rubyCommand('/opt/run-ruby')).toEqual(['/opt/run-ruby', resolve('runtimes/ruby/exe/stephost-ruby')])
  })
})
