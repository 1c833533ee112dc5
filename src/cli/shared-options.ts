// The options that every command has.
import type { Command } from 'commander'

export interface SharedOptions {
  readonly handlers?: string[]
  readonly config?: string
  readonly env?: string
  readonly dataDir?: string
  readonly json?: boolean
}

export const handlersDefault = './handlers'

export function withSharedOptions(command: Command): Command {
  return command
    .option('--handlers <dir>', 'directory of handlers and workflows; repeatable (default: ./handlers)', appended)
    .option('--config <file>', 'configuration file, above the shipped ones')
    .option('--env <name>', 'development, test or production (default: TASKER_ENV, else development)')
    .option('--data-dir <dir>', 'directory of the embedded PostgreSQL')
    .option('--json', 'one JSON document on standard output, nothing else')
}

function appended(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
