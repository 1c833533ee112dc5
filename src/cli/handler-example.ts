// The files of a new handler, made from an example of its language: what newcomers start from is what the tests run.

import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
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
  const words = callable.split('.')
  const stepName = words.at(-1) ?? callable
  const place = join(root, ...words.slice(0, -1), stepName.replaceAll('_', separator))
  const file = language === 'rust' ? join(place, 'src', 'lib.rs') : `${place}.${ending}`
  const source = `${example.replaceAll('_', separator)}.${ending}`
  const original = readFileSync(join(packageRoot(), 'runtimes', language, 'examples', source), 'utf8')
  const code = { file, text: renamed(original, example, { callable, stepName }) }
  const crate = language === 'rust' ? [{ file: join(place, 'Cargo.toml'), text: manifest(stepName, place) }] : []
  return { file, stepName, files: [code, ...crate] }
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
