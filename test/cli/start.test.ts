// How the command line starts: help that loads no command, and stack traces that show the sources although a bundle runs.
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { stephost } from './stephost.ts'

describe('the list of commands', () => {
  it.each(commands)('shows the operands that $name declares', async ({ name, operands, load }) => {
    const { arguments: declare } = await load()
    const declared = declare(new Command(name)).registeredArguments
    const shown = new Command('listed').command(`${name} ${operands}`).registeredArguments
    const words = (of: typeof declared) => of.map((one) => [one.name(), one.required, one.variadic])
    expect(words(shown)).toEqual(words(declared))
  })

  it('is what help shows, and each command is found by its word', async () => {
    const { stdout, code } = await stephost(['--help'])
    for (const { name, operands, summary } of commands) {
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
        `${name} [options] ${operands} ${summary}`.replaceAll(/\s+/g, ' '),
      )
    }
    expect(code).toBe(0)
    const misspelt = await stephost(['wroker'])
    expect(misspelt).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean worker?') })
  })
})

it('names files and lines of the sources in stack traces', async () => {
  const { stderr } = await stephost(['invoke', 'nobody', '--timeout', 'never'], { env: { STEPHOST_DEBUG: '1' } })
  expect(stderr).toMatch(/at secondsArgument \(.*src\/cli\/json-argument\.ts:\d+:\d+\)/)
  expect(stderr).not.toContain('dist/bundle')
})
