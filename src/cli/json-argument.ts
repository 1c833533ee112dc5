// A JSON document from the command line: given as text or as @FILE, kept as text so that its numbers stay exact.
import { readFileSync } from 'node:fs'
import { messageOf } from '../model/host-error.ts'
import type { JsonText } from '../model/json-text.ts'
import { UsageError } from './failure.ts'

const hint = 'Give the document as text, for example \'{"amount": 5}\', or as @FILE.'

/** The text of one JSON object. Throws a UsageError that names the option and, in a file, the file. */
export function jsonObjectArgument(option: string, argument: string): JsonText {
  const file = argument.startsWith('@') ? argument.slice(1) : null
  const text = file === null ? argument : readArgumentFile(option, file, hint)
  const place = file === null ? option : `${option} ${file}`
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${place} is no JSON: ${messageOf(error)}`, hint)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`${place} must be a JSON object`, hint)
  }
  return text as JsonText
}

/** The text of a file that an option names. Throws a UsageError with that hint. */
export function readArgumentFile(option: string, file: string, cure: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be read: ${messageOf(error)}`, cure)
  }
}

/** A number of seconds above zero, as milliseconds. */
export function secondsArgument(option: string, argument: string): number {
  const seconds = Number(argument)
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new UsageError(`${option} must be a number of seconds above 0, at most 86400`, `For example ${option} 30.`)
  }
  return seconds * 1000
}
