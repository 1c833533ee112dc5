// The host's log on descriptor 2: JSON lines for machines, plain lines on a terminal; and the lines that handlers write.
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import { HostError } from '../model/host-error.ts'
import { scanJson } from '../model/json-scan.ts'
import type { JsonText } from '../model/json-text.ts'
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
  /** Of the record that pino is writing; pino itself has no place for text that is JSON already. */
  let fields: JsonText | null = null
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (json: string) => {
        const line = plain ? plainLine(json, { colors, fields }) : withFields(json, fields)
        around(() => write(line))
      },
    },
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
    handler: (record) => {
      fields = record.fields === null ? null : oneLine(record.fields)
      handlers[record.level](detailsOf(record), record.line)
      fields = null
    },
  }
}

/** What is not known is left out. */
function detailsOf({ runtime, stream, pid, handler, step, task, correlationId }: LogRecord): object {
  const known = Object.entries({ pid, handler, step, task, correlation_id: correlationId })
  return { runtime, stream, ...Object.fromEntries(known.filter(([, value]) => value !== null)) }
}

/** Fields of a handler are its own document: written as they came, so that their numbers stay exact. A text that is no object is not written. */
function oneLine(text: JsonText): JsonText | null {
  const isObject = text.trimStart().startsWith('{') && scanJson(text, fieldsLimits) === null
  return isObject ? (text.replaceAll(/[\r\n]/g, ' ') as JsonText) : null
}

/** pino's line ends with the brace of its object and a newline. */
function withFields(json: string, fields: JsonText | null): string {
  return fields === null ? json : `${json.trimEnd().slice(0, -1)},"fields":${fields}}\n`
}

/** What handlers print belongs to their authors, so a quiet command still shows it; only `error` and above hide it. */
function handlerLogger(logger: Logger): Logger {
  const quiet = logger.isLevelEnabled('warn') && !logger.isLevelEnabled('info')
  return logger.child({}, { level: quiet ? 'info' : logger.level })
}

const fieldsLimits = { bytesMax: 65_536, depthMax: 32 }

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
