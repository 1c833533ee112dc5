// The command line: its commands, what they share, and how they end.
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../config/package-root.ts'
import { benchCommand } from './bench.ts'
import { buildCommand } from './build.ts'
import type { CliCommand } from './cli-command.ts'
import { type CommandContext, openContext, type SharedOptions, withSharedOptions } from './command-context.ts'
import { devCommand } from './dev.ts'
import { doctorCommand } from './doctor.ts'
import { describeFailure, exitCodes } from './failure.ts'
import { handlersCommand } from './handlers.ts'
import { invokeCommand } from './invoke.ts'
import { migrateCommand } from './migrate.ts'
import { newCommand } from './new.ts'
import { orchestratorCommand } from './orchestrator.ts'
import { documentOutput } from './output.ts'
import { runCommand } from './run.ts'
import { templatesCommand } from './templates.ts'
import { workerCommand } from './worker.ts'

const commands: readonly CliCommand[] = [
  devCommand,
  workerCommand,
  orchestratorCommand,
  migrateCommand,
  runCommand,
  invokeCommand,
  handlersCommand,
  templatesCommand,
  newCommand,
  buildCommand,
  doctorCommand,
  benchCommand,
]

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
  for (const command of commands) {
    const sub = command.arguments(withSharedOptions(program.command(command.name).description(command.summary)))
    sub.action(async (...values: unknown[]) => {
      // commander passes the positional arguments, undefined where one was left out, a list for those that repeat, then the options, then the command itself.
      const options = sub.opts<SharedOptions & Record<string, unknown>>()
      const context: CommandContext = openContext(options, environment, command.logLevel)
      const positional = values
        .slice(0, -2)
        .flat()
        .filter((value) => value !== undefined)
      exitCode = await command.run(context, { positional: positional.map(String), options })
    })
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const failure = describeFailure(error, environment)
    process.stderr.write(failure.text)
    return failure.exitCode
  }
}
