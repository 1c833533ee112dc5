// A new handler file of a kind, from the example of that kind.

import { chosen } from './choice.ts'
import { UsageError } from './failure.ts'
import { handlerFiles, languages } from './handler-example.ts'
import { writeNewFiles } from './new-files.ts'

/** Kind → the example, and the type of a template step that has such a handler. */
const kinds = {
  class: { example: 'greet', stepType: 'standard' },
  function: { example: 'reserve_stock', stepType: 'standard' },
  process: { example: 'summarize_text', stepType: 'standard' },
  api: { example: 'convert_currency', stepType: 'standard' },
  decision: { example: 'route_approval', stepType: 'decision' },
  'batch-analyzer': { example: 'split_rows', stepType: 'batchable' },
  'batch-worker': { example: 'process_rows', stepType: 'batch_worker' },
  'batch-merge': { example: 'merge_rows', stepType: 'deferred_convergence' },
  rows: { example: 'insert_rows', stepType: 'standard' },
  events: { example: 'send_receipt', stepType: 'standard' },
} as const
export const handlerKinds = Object.keys(kinds)

/** Kinds that a language has no example of: Rust brings neither an HTTP client nor events. */
const kindsWithoutRust = new Set(['api', 'events'])

export interface NewHandler {
  readonly language: string
  /** The callable: `greet`, `shop.reserve_stock`. */
  readonly name: string
  readonly kind: string
  /** An existing or new directory of handlers. */
  readonly root: string
}

export interface MadeHandler {
  readonly file: string
  readonly callable: string
  readonly stepName: string
  readonly stepType: string
}

/** Writes the file; never over another. Throws a UsageError or an EnvironmentError. */
export function makeHandler({ language, name, kind, root }: NewHandler): MadeHandler {
  const known = chosen(languages, 'language', language)
  const { example, stepType } = chosen(kinds, 'kind', kind)
  if (!/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/.test(name)) {
    throw new UsageError(
      `"${name}" is no name for a handler`,
      'Use lower-case words: greet, reserve_stock, shop.greet.',
    )
  }
  if (language === 'rust' && kindsWithoutRust.has(kind)) {
    throw new UsageError(`there is no example of kind "${kind}" in Rust`, 'Begin with class or function.')
  }
  const { file, stepName, files } = handlerFiles({ language: known.name, example, callable: name, root })
  writeNewFiles(files, { hint: 'Choose another name, or edit that file.' })
  return { file, callable: name, stepName, stepType }
}
