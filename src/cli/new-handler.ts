// A new handler file, made from the example of its kind: what newcomers start from is what the tests run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
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

/** Kinds that a language has no example of: Rust brings neither an HTTP client nor events. */
const kindsWithoutRust = new Set(['api', 'events'])

const languages = {
  ruby: { ending: 'rb', separator: '_' },
  python: { ending: 'py', separator: '_' },
  typescript: { ending: 'ts', separator: '-' },
  rust: { ending: 'rs', separator: '_' },
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
  const { ending, separator } = chosen(languages, 'language', language)
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
  const words = name.split('.')
  const stepName = words.at(-1) ?? name
  const place = join(root, ...words.slice(0, -1), stepName.replaceAll('_', separator))
  const file = language === 'rust' ? join(place, 'src', 'lib.rs') : `${place}.${ending}`
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
  if (language === 'rust') writeFileSync(join(place, 'Cargo.toml'), manifest(stepName, place), { flag: 'wx' })
  return { file, callable: name, stepName, stepType }
}

/** A crate that stands alone: `[workspace]` keeps cargo from asking directories above it. */
function manifest(stepName: string, directory: string): string {
  const sdk = relative(resolve(directory), join(packageRoot(), 'runtimes', 'rust'))
  return `[package]
name = "${stepName}"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]
stephost-handler = { path = ${JSON.stringify(sdk)} }

[workspace]
`
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
    .replaceAll(new RegExp(`(?<=, |fn )${example}(?=[()])`, 'g'), stepName)
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function camelCase(name: string): string {
  const pascal = pascalCase(name)
  return pascal.charAt(0).toLowerCase() + pascal.slice(1)
}
