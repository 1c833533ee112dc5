// What every command starts from: the shared options, the configuration, the log and the document output.
import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { type Config, loadConfig } from '../config/config.ts'
import { createLog, type Log, type LogLevel, logOptions } from '../telemetry/logs.ts'
import { documentOutput, type Output } from './output.ts'

export interface SharedOptions {
  readonly handlers?: string[]
  readonly config?: string
  readonly env?: string
  readonly dataDir?: string
  readonly json?: boolean
}

export interface CommandContext {
  readonly config: Config
  /** Reads the files and variables again. Throws CONFIG_INVALID. */
  readonly readConfig: () => Config
  readonly log: Log
  readonly output: Output
  readonly handlerRoots: readonly string[]
  readonly dataDir: string | null
  readonly json: boolean
  readonly environment: NodeJS.ProcessEnv
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

/** Throws CONFIG_INVALID. `level`: what is logged when LOG_LEVEL says nothing. */
export function openContext(options: SharedOptions, environment: NodeJS.ProcessEnv, level: LogLevel): CommandContext {
  const log = createLog(logOptions(environment, level))
  const readConfig = () =>
    loadConfig({
      environment,
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.config === undefined ? {} : { file: options.config }),
    })
  const config = readConfig()
  return {
    config,
    readConfig,
    log,
    output: documentOutput(environment),
    handlerRoots: rootsOf(options, config),
    dataDir: options.dataDir ?? null,
    json: options.json ?? false,
    environment,
  }
}

/** The default directory may be missing where TASKER_TEMPLATE_PATH has the templates; a directory that was named may not. */
function rootsOf(options: SharedOptions, config: Config): readonly string[] {
  if (options.handlers !== undefined) return options.handlers
  const exists = statSync(handlersDefault, { throwIfNoEntry: false })?.isDirectory() === true
  return exists || config.templatePath === null ? [handlersDefault] : []
}
