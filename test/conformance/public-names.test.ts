// Each public name of an SDK stands in its api.json with its signature, and the table of cases asserts an effect of it.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { casesOf, readCases, type TableLanguage, tableLanguages } from './case-table.ts'
import { repositoryPath } from './sidecar.ts'
import { TypeScriptNames } from './typescript-names.ts'

interface PublicName {
  readonly name: string
  readonly signature: string
}

function publicNames(language: TableLanguage): readonly PublicName[] {
  return JSON.parse(readFileSync(repositoryPath(`runtimes/${language}/api.json`), 'utf8')) as PublicName[]
}

function coveredNames(language: TableLanguage): readonly string[] {
  return casesOf(language, readCases('')).flatMap(({ covers }) => covers?.[language] ?? [])
}

describe.each(tableLanguages)('the public names of %s', (language) => {
  it('have a case each', () => {
    const covered = new Set(coveredNames(language))
    const missing = publicNames(language).filter(({ name }) => !covered.has(name))
    expect(missing).toEqual([])
  })

  it('are all that cases cover', () => {
    const known = new Set(publicNames(language).map(({ name }) => name))
    expect(coveredNames(language).filter((name) => !known.has(name))).toEqual([])
  })
})

// Ruby and Python check their signatures in their own tests.
it('the signatures of TypeScript are those of the compiler', () => {
  const names = new TypeScriptNames()
  const entries = publicNames('typescript')
  expect(entries.length).toBeGreaterThan(180)
  expect(entries.map(({ name }) => ({ name, signature: names.signature(name) }))).toEqual(entries)
}, 60_000)
