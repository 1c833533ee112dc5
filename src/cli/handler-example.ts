// The files of a new handler, made from an example of its language: what newcomers start from is what the tests run.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageRoot } from '../config/package-root.ts'
import type { RuntimeName } from '../model/handler.ts'
import type { NewFile } from './new-files.ts'

export const languages = {
  ruby: { name: 'ruby', ending: 'rb', separator: '_' },
  python: { name: 'python', ending: 'py', separator: '_' },
  typescript: { name: 'typescript', ending: 'ts', separator: '-' },
  rust: { name: 'rust', ending: 'rs', separator: '_' },
} as const satisfies Record<RuntimeName, { name: RuntimeName; ending: string; separator: string }>
export const handlerLanguages = Object.keys(languages)

export interface HandlerExample {
  readonly language: RuntimeName
  /** `greet`: one that the language has. */
  readonly example: string
  /** `greet`, `shop.reserve_stock`: what the handler is called instead. */
  readonly callable: string
  /** The directory of handlers. */
  readonly root: string
}

export interface HandlerFiles {
  /** The one with the code. */
  readonly file: string
  readonly stepName: string
  readonly files: readonly NewFile[]
}

export function handlerFiles({ language, example, callable, root }: HandlerExample): HandlerFiles {
  const { ending, separator } = languages[language]
  const stepName = callable.split('.').at(-1) ?? callable
  const file = codeFile({ language, separator, callable, root })
  const source = `${example.replaceAll('_', separator)}.${ending}`
  const original = readFileSync(join(packageRoot(), 'runtimes', language, 'examples', source), 'utf8')
  const code = { file, text: renamed(original, example, { callable, stepName }) }
  const crate = language === 'rust' ? [{ file: join(dirname(file), '../Cargo.toml'), text: manifest(stepName) }] : []
  return { file, stepName, files: [code, ...crate] }
}

/** Where files with a handler of that name lie, in any language: two of them would be one callable twice. */
export function handlerPlaces(root: string, callable: string): readonly string[] {
  return Object.values(languages).flatMap(({ name: language }) =>
    ['_', '-'].map((separator) => codeFile({ language, separator, callable, root })),
  )
}

interface HandlerPlace {
  readonly language: RuntimeName
  /** Between the words of the file's name. */
  readonly separator: string
  readonly callable: string
  readonly root: string
}

function codeFile({ language, separator, callable, root }: HandlerPlace): string {
  const words = callable.split('.')
  const name = (words.at(-1) ?? callable).replaceAll('_', separator)
  const place = join(root, ...words.slice(0, -1), name)
  return language === 'rust' ? join(place, 'src', 'lib.rs') : `${place}.${languages[language].ending}`
}

/**
 * A crate that stands alone: `[workspace]` keeps cargo from asking directories above it. The path to stephost is absolute: cargo
 * joins a relative one as text, which leads elsewhere where a directory above the crate is a link, or when the project is moved.
 */
function manifest(stepName: string): string {
  const sdk = join(packageRoot(), 'runtimes', 'rust')
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
