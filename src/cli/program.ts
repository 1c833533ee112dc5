// The command line: its commands, what they share, and how they end.
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../config/package-root.ts'
import type { CliCommand } from './cli-command.ts'
import { commands, type ListedCommand } from './commands.ts'
import { describeFailure, exitCodes } from './failure.ts'
import { documentOutput } from './output.ts'
import { type SharedOptions, withSharedOptions } from './shared-options.ts'

/** Resolves with the exit code: 0 done, 1 the work failed, 2 usage, 3 environment. Never rejects. */
export async function runProgram(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  let exitCode: number = exitCodes.done
  const output = documentOutput(environment)
  const program = new Command('stephost')
    .description('Runs workflow steps written in Rust, Ruby, Python and TypeScript from one process.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.write(text), writeErr: (text) => process.stderr.write(text) })
    .showSuggestionAfterError()
  try {
    for (const listed of commands) {
      const { name, operands, summary } = listed
      // What was not asked for is only listed, since loading it takes longer than all else that a short command does.
      if (!argv.includes(name)) withSharedOptions(program.command(`${name} ${operands}`).description(summary))
      else
        addCommand(program, { listed, command: await listed.load(), environment, ended: (code) => (exitCode = code) })
    }
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const failure = describeFailure(error, environment)
    process.stderr.write(failure.text)
    return failure.exitCode
  }
}

interface AddedCommand {
  readonly listed: ListedCommand
  readonly command: CliCommand
  readonly environment: NodeJS.ProcessEnv
  readonly ended: (exitCode: number) => void
}

function addCommand(program: Command, { listed, command, environment, ended }: AddedCommand): void {
  const sub = command.arguments(withSharedOptions(program.command(listed.name).description(listed.summary)))
  sub.action(async (...values: unknown[]) => {
    // commander passes the positional arguments, undefined where one was left out, a list for those that repeat, then the options, then the command itself.
    const options = sub.opts<SharedOptions & Record<string, unknown>>()
    const { openContext } = await import('./command-context.ts')
    const context = openContext(options, environment, command.logLevel)
    const positional = values
      .slice(0, -2)
      .flat()
      .filter((value) => value !== undefined)
    ended(await command.run(context, { positional: positional.map(String), options }))
  })
}
