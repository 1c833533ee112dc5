// Log lines with fields, under the names that handlers written for Tasker use. Source: handler-api §1.3.

import type { Metadata } from './errors.ts'

/** What is logged by `console` travels with the step; fields follow the text. */
function line(message: string, fields: Metadata): string {
  return Object.keys(fields).length === 0 ? message : `${message} ${JSON.stringify(fields)}`
}

export function logError(message: string, fields: Metadata = {}): void {
  console.error(line(message, fields))
}

export function logWarn(message: string, fields: Metadata = {}): void {
  console.warn(line(message, fields))
}

export function logInfo(message: string, fields: Metadata = {}): void {
  console.info(line(message, fields))
}

export function logDebug(message: string, fields: Metadata = {}): void {
  console.debug(line(message, fields))
}

/** The host knows no level below `debug`. */
export function logTrace(message: string, fields: Metadata = {}): void {
  console.debug(line(message, fields))
}
