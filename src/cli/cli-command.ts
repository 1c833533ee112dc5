// What one command is: its arguments on the command line and what it does.
import type { Command } from 'commander'
import type { LogLevel } from '../telemetry/logs.ts'
import type { CommandContext } from './command-context.ts'

export interface CommandInput {
  /** The arguments that have no option's name, in order. */
  readonly positional: readonly string[]
  /** commander's option values, by camel-case name. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface CliCommand {
  /** What is logged when LOG_LEVEL says nothing: servers say what they do, the others only what is wrong. */
  readonly logLevel: LogLevel
  /** Adds the arguments and options of its own. */
  arguments(command: Command): Command
  /** Resolves with the exit code; rejects with a HostError, a UsageError or an EnvironmentError. */
  run(context: CommandContext, input: CommandInput): Promise<number>
}

/** The value of an option that takes text; null when it was not given. */
export function textOption(input: CommandInput, name: string): string | null {
  const value = input.options[name]
  return typeof value === 'string' ? value : null
}

export function flagOption(input: CommandInput, name: string): boolean {
  return input.options[name] === true
}
