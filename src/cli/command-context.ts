// What every command starts from: the configuration, the log and the document output, by the shared options.
import { statSync } from 'node:fs'
import { type Config, loadConfig } from '../config/config.ts'
import { createLog, type Log, type LogLevel, logOptions } from '../telemetry/logs.ts'
import { documentOutput, type Output } from './output.ts'
import { handlersDefault, type SharedOptions } from './shared-options.ts'

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
