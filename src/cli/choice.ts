// One word of several on the command line, and what it stands for.
import { suggestion } from '../model/nearest-name.ts'
import { UsageError } from './failure.ts'

/** Throws a UsageError with the nearest word and all of them. */
export function chosen<Choice>(choices: Readonly<Record<string, Choice>>, what: string, given: string): Choice {
  const names = Object.keys(choices)
  const choice = Object.hasOwn(choices, given) ? choices[given] : undefined
  if (choice !== undefined) return choice
  throw new UsageError(
    `there is no ${what} "${given}"${suggestion(given, names)}`,
    `The ${what} is one of ${names.join(', ')}.`,
  )
}
