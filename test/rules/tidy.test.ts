// The house rules that no linter keeps: sizes of files and functions, first lines, words that name nothing.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const fileLinesMax = 400
const fileLinesMedianMax = 120
const functionLinesMax = 70
const banned = /^(utils?|common|helpers?|manager|misc|lib)\.(ts|rb|py|rs|cc|h)$/

/** Files with these endings that git knows or would add. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => existsSync(file) && /\.(ts|rb|py|rs|cc|c|h|sql)$/.test(file) && !file.includes('broken.'))
const sources = files.filter((file) => /^(src|runtimes|native|handlers)\//.test(file))

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}

describe('the house rules', () => {
  it('finds the files it is about', () => {
    for (const room of ['src/model/', 'runtimes/ruby/', 'runtimes/python/', 'runtimes/rust/', 'native/']) {
      expect(sources.some((file) => file.startsWith(room))).toBe(true)
    }
  })

  it(`keeps every file at ${fileLinesMax} lines or less, half of them at ${fileLinesMedianMax} or less`, () => {
    const long = files.filter((file) => linesOf(file).length > fileLinesMax)
    expect(long).toEqual([])
    const lengths = sources.map((file) => linesOf(file).length).toSorted((a, b) => a - b)
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(fileLinesMedianMax)
  })

  it('gives no file a name that says nothing', () => {
    // lib.rs and lib/ are where Cargo and RubyGems look.
    expect(files.filter((file) => banned.test(basename(file)) && basename(file) !== 'lib.rs')).toEqual([])
  })

  it('begins every file with a sentence on what lives there', () => {
    const silent = sources.filter((file) => {
      const lines = linesOf(file).filter((line) => !/^(#!|# frozen_string_literal|#ifndef|#pragma|\s*$)/.test(line))
      return !/^(\/\/|#|--|"""|\/\*)/.test(lines[0] ?? '')
    })
    expect(silent).toEqual([])
  })

  it(`keeps every TypeScript function at ${functionLinesMax} lines or less`, () => {
    const scripts = files.filter((file) => /^(src|runtimes)\/.*\.ts$/.test(file))
    expect(scripts.flatMap(longFunctions)).toEqual([])
  })
})

function longFunctions(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line
      if (last - first + 1 > functionLinesMax) found.push(`${file}:${first + 1} (${last - first + 1} lines)`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
