// The host's log on descriptor 2: JSON lines for machines, plain lines on a terminal; and the lines that handlers write.
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import { HostError } from '../model/host-error.ts'
import { suggestion } from '../model/nearest-name.ts'
import type { LogRecord } from '../model/runtime-adapter.ts'
import { plainLine } from './plain-line.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** pino's argument order: details, then a sentence. */
export interface Log {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  /** One line that a handler or its process wrote. */
  handler(record: LogRecord): void
  /** From now on `around` makes every write happen: a live view steps aside for the line. */
  wrapWrites(around: (write: () => void) => void): void
}

export interface LogOptions {
  readonly level: LogLevel
  /** Plain lines for a person instead of JSON. */
  readonly plain: boolean
  readonly colors: boolean
  /** Takes whole lines, each with its newline. */
  write(line: string): void
}

/** LOG_LEVEL and NO_COLOR decide; plain lines where descriptor 2 is a terminal. Throws CONFIG_INVALID for an unknown level. */
export function logOptions(environment: NodeJS.ProcessEnv, levelDefault: LogLevel): LogOptions {
  const plain = isatty(2)
  const colors = plain && (environment['NO_COLOR'] ?? '') === ''
  return { level: levelOf(environment, levelDefault), plain, colors, write: writeToStderr }
}

function levelOf(environment: NodeJS.ProcessEnv, levelDefault: LogLevel): LogLevel {
  const wanted = environment['LOG_LEVEL']?.toLowerCase() ?? ''
  if (wanted === '') return levelDefault
  const level = logLevels.find((candidate) => candidate === wanted)
  if (level !== undefined) return level
  const allowed = `must be one of ${logLevels.join(', ')}${suggestion(wanted, logLevels)}`
  throw new HostError('CONFIG_INVALID', `environment variable LOG_LEVEL = "${wanted}": ${allowed}`)
}

export function createLog(options: LogOptions): Log {
  const { level, plain, colors, write } = options
  let around = (writeLine: () => void): void => writeLine()
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => around(() => write(plain ? plainLine(line, { colors }) : line)) },
  )
  const handlers = handlerLogger(logger)
  return {
    debug: (details, message) => logger.debug(details, message),
    info: (details, message) => logger.info(details, message),
    warn: (details, message) => logger.warn(details, message),
    error: (details, message) => logger.error(details, message),
    wrapWrites: (wrapper) => {
      around = wrapper
    },
    handler: ({ runtime, stream, line, pid, step }) =>
      handlers.info({ runtime, stream, ...(pid === null ? {} : { pid }), ...(step === null ? {} : { step }) }, line),
  }
}

/** What handlers print belongs to their authors, so a quiet command still shows it; only `error` and above hide it. */
function handlerLogger(logger: Logger): Logger {
  return logger.child({}, { level: logger.isLevelEnabled('warn') ? 'info' : logger.level })
}

const stderr = 2
const retryMs = 5
const retriesMax = 200

/** Waits a little for a pipe that is full; then the line is given up, since a log must not stop the work. */
function writeToStderr(line: string): void {
  for (let retries = 0; retries < retriesMax; retries++) {
    try {
      writeSync(stderr, line)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs)
    }
  }
}
