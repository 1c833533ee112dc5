// A new handler file, made from the example of its kind: what newcomers start from is what the tests run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageRoot } from '../config/package-root.ts'
import { suggestion } from '../model/nearest-name.ts'
import { UsageError } from './failure.ts'

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

const languages = {
  ruby: { ending: 'rb', separator: '_' },
  python: { ending: 'py', separator: '_' },
  typescript: { ending: 'ts', separator: '-' },
} as const
export const handlerLanguages = Object.keys(languages)

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

/** Writes the file; never over another. Throws a UsageError. */
export function makeHandler({ language, name, kind, root }: NewHandler): MadeHandler {
  if (language === 'rust') {
    const cure = 'Copy handlers/charge_card of stephost and see runtimes/rust/README.md.'
    throw new UsageError('a Rust handler is a crate, which is not written yet', cure)
  }
  const { ending, separator } = chosen(languages, 'language', language)
  const { example, stepType } = chosen(kinds, 'kind', kind)
  if (!/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/.test(name)) {
    throw new UsageError(
      `"${name}" is no name for a handler`,
      'Use lower-case words: greet, reserve_stock, shop.greet.',
    )
  }
  const words = name.split('.')
  const stepName = words.at(-1) ?? name
  const file = `${join(root, ...words.slice(0, -1), stepName.replaceAll('_', separator))}.${ending}`
  if (existsSync(file)) throw new UsageError(`${file} exists already`, 'Choose another name, or edit that file.')
  const source = join(
    packageRoot(),
    'runtimes',
    language,
    'examples',
    `${example.replaceAll('_', separator)}.${ending}`,
  )
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, renamed(readFileSync(source, 'utf8'), example, { callable: name, stepName }), { flag: 'wx' })
  return { file, callable: name, stepName, stepType }
}

function chosen<Choice>(choices: Readonly<Record<string, Choice>>, what: string, given: string): Choice {
  const names = Object.keys(choices)
  const choice = Object.hasOwn(choices, given) ? choices[given] : undefined
  if (choice !== undefined) return choice
  throw new UsageError(
    `there is no ${what} "${given}"${suggestion(given, names)}`,
    `The ${what} is one of ${names.join(', ')}.`,
  )
}

/** The callable, the class and the function carry the new name. */
function renamed(
  text: string,
  example: string,
  { callable, stepName }: { callable: string; stepName: string },
): string {
  return text
    .replaceAll(`examples.${example}`, callable)
    .replaceAll(new RegExp(`\\b${camelCase(example)}\\b`, 'g'), camelCase(stepName))
    .replaceAll(new RegExp(`\\b${pascalCase(example)}\\b`, 'g'), pascalCase(stepName))
    .replaceAll(new RegExp(`\\bdef ${example}\\b`, 'g'), `def ${stepName}`)
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function camelCase(name: string): string {
  const pascal = pascalCase(name)
  return pascal.charAt(0).toLowerCase() + pascal.slice(1)
}
