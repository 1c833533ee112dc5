// A field of a YAML file: reads its value in the form that is wanted and reports what is wrong with its place.
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Node } from 'yaml'
import type { JsonText } from '../../model/json-text.ts'
import { suggestion } from '../../model/nearest-name.ts'
import type { TemplateProblem } from '../../model/template.ts'
import { exactJson, NoJson } from './exact-json.ts'

export interface YamlSource {
  readonly file: string
  readonly document: Document
  readonly lines: LineCounter
  readonly problems: TemplateProblem[]
}

export interface TextRule {
  readonly lengthMax?: number
  readonly pattern?: RegExp
  /** What the pattern allows, to follow "must be". */
  readonly allowed?: string
}

export class YamlField {
  readonly path: string
  readonly #source: YamlSource
  readonly #node: Node | null
  /** Where a problem with a field that is absent is shown. */
  readonly #parent: Node | null

  constructor(source: YamlSource, options: { path: string; node: unknown; parent: Node | null }) {
    this.#source = source
    this.path = options.path
    const resolved = isAlias(options.node) ? options.node.resolve(source.document) : options.node
    this.#node = isNode(resolved) ? resolved : null
    this.#parent = options.parent
  }

  /** Not there, or null. */
  get absent(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null)
  }

  get line(): number {
    return lineOf(this.#node ?? this.#parent, this.#source)
  }

  error(message: string): void {
    this.#report('error', message)
  }

  warn(message: string): void {
    this.#report('warning', message)
  }

  #report(severity: TemplateProblem['severity'], message: string, line = this.line): void {
    const place = this.path === '' ? '' : `${this.path}: `
    this.#source.problems.push({
      severity,
      file: this.#source.file,
      message: `${this.#source.file}:${line}: ${place}${message}`,
    })
  }

  /** Reports a field that must be there. */
  require(): this {
    if (this.absent) this.error('is missing')
    return this
  }

  /** The member of that name, or of the older name. */
  field(name: string, alias?: string): YamlField {
    const map = isMap(this.#node) ? this.#node : null
    const key = alias !== undefined && map?.has(name) !== true && map?.has(alias) === true ? alias : name
    const path = this.path === '' ? key : `${this.path}.${key}`
    return new YamlField(this.#source, { path, node: map?.get(key, true) ?? null, parent: this.#node ?? this.#parent })
  }

  items(): readonly YamlField[] {
    if (this.absent) return []
    if (!isSeq(this.#node)) {
      this.error('must be a list')
      return []
    }
    return this.#node.items.map(
      (node, index) => new YamlField(this.#source, { path: `${this.path}[${index}]`, node, parent: this.#node }),
    )
  }

  /** The members of a map, in their order. */
  members(): readonly [string, YamlField][] {
    if (this.absent) return []
    if (!isMap(this.#node)) {
      this.error('must be a map')
      return []
    }
    return this.#node.items.map(({ key, value }) => {
      const text = isScalar(key) ? (typeof key.value === 'string' ? key.value : key.source) : undefined
      const name = text ?? ''
      return [name, new YamlField(this.#source, { path: `${this.path}.${name}`, node: value, parent: this.#node })]
    })
  }

  /** Reports another shape than a map, and warns of keys that nobody reads. */
  expectKeys(known: readonly string[]): void {
    if (this.absent) return
    if (!isMap(this.#node)) {
      this.error('must be a map')
      return
    }
    for (const { key } of this.#node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (known.includes(name)) continue
      this.#report('warning', `unknown key "${name}" is ignored${suggestion(name, known)}`, lineOf(key, this.#source))
    }
  }

  /** null when it is absent or not such a text; the latter is reported. */
  text(rule: TextRule = {}): string | null {
    if (this.absent) return null
    const value = isScalar(this.#node) ? this.#node.value : null
    if (typeof value !== 'string') {
      const written = isScalar(this.#node) ? this.#node.source : undefined
      this.error(written === undefined ? 'must be text' : `must be text; write "${written}" in quotes`)
      return null
    }
    const lengthMax = rule.lengthMax ?? Number.POSITIVE_INFINITY
    // PostgreSQL counts characters, not UTF-16 units.
    const length = [...value].length
    if (length === 0) this.error('must not be empty')
    else if (length > lengthMax) this.error(`has ${length} characters; at most ${lengthMax} are allowed`)
    else if (rule.pattern !== undefined && !rule.pattern.test(value)) this.error(`"${value}" must be ${rule.allowed}`)
    else return value
    return null
  }

  integer(range: { min: number; max: number }): number | null {
    if (this.absent) return null
    const value = isScalar(this.#node) ? this.#node.value : null
    if (typeof value === 'bigint' && value >= range.min && value <= range.max) return Number(value)
    this.error(`must be an integer from ${range.min} to ${range.max}`)
    return null
  }

  boolean(): boolean | null {
    if (this.absent) return null
    const value = isScalar(this.#node) ? this.#node.value : null
    if (typeof value === 'boolean') return value
    this.error('must be true or false')
    return null
  }

  word<const Word extends string>(words: readonly Word[]): Word | null {
    const value = this.text()
    if (value === null) return null
    const word = words.find((candidate) => candidate === value)
    if (word !== undefined) return word
    this.error(`"${value}" must be one of ${words.join(', ')}${suggestion(value, words)}`)
    return null
  }

  /** The value as exact JSON text; null when it is absent or JSON cannot hold it, which is reported. */
  json(): JsonText | null {
    if (this.absent) return null
    try {
      return exactJson(this.#node, this.#source.document)
    } catch (error) {
      if (!(error instanceof NoJson)) throw error
      this.#report('error', error.message, lineOf(error.node ?? this.#node, this.#source))
      return null
    }
  }

  /** As `json`, and it must be an object. */
  jsonObject(): JsonText | null {
    if (this.absent || isMap(this.#node)) return this.json()
    this.error('must be a map')
    return null
  }
}

function lineOf(node: unknown, source: YamlSource): number {
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  return source.lines.linePos(offset).line || 1
}
