// The logger of a handler: lines with a level and fields, which carry the step's id to the host.

import { writeJson } from './json-text.ts'
import type { Document, LogMessage } from './messages.ts'

type Level = LogMessage['level']
type Write = (level: Level, line: string, fields: Document | null) => void

/** `context.logger.info('reserved', { sku: 'a1' })`. */
export class StepLogger {
  readonly #write: Write

  constructor(write: Write) {
    this.#write = write
  }

  debug(message: string, fields?: object): void {
    this.#log('debug', message, fields)
  }

  info(message: string, fields?: object): void {
    this.#log('info', message, fields)
  }

  warn(message: string, fields?: object): void {
    this.#log('warn', message, fields)
  }

  error(message: string, fields?: object): void {
    this.#log('error', message, fields)
  }

  #log(level: Level, message: string, fields: object | undefined): void {
    const text = fields === undefined ? null : fieldsText(fields)
    for (const line of String(message).split('\n')) this.#write(level, line, text)
  }
}

/** Where no host listens, in unit tests of a handler: the console. */
export function consoleLogger(): StepLogger {
  return new StepLogger((level, line, fields) => console[level](fields === null ? line : `${line} ${fields}`))
}

/** A line matters more than what hangs on it. */
function fieldsText(fields: object): Document {
  try {
    const text = writeJson(fields)
    return text.startsWith('{') ? text : writeJson({ fields_left_out: 'they are no object' })
  } catch (error) {
    return writeJson({ fields_left_out: error instanceof Error ? error.message.toWellFormed() : 'unreadable' })
  }
}
