// YAML values as JSON text without rounding: floats stay floats, integers keep every digit (design D13).
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml'
import type { JsonText } from '../../model/json-text.ts'

const depthMax = 200
/** Aliases can make a small file enormous. */
const nodesMax = 100_000

/** A value that JSON cannot hold, and where it is. */
export class NoJson extends Error {
  readonly node: unknown

  constructor(message: string, node: unknown) {
    super(message)
    this.node = node
  }
}

/** Throws NoJson. The document must have been parsed with `intAsBigInt`. */
export function exactJson(node: Node | null, document: Document): JsonText {
  let nodes = 0
  const write = (value: unknown, depth: number): string => {
    if (depth > depthMax) throw new NoJson(`is nested deeper than ${depthMax}`, node)
    if (++nodes > nodesMax) throw new NoJson(`has more than ${nodesMax} values; aliases count each time`, node)
    if (isAlias(value)) return write(value.resolve(document), depth + 1)
    if (isMap(value)) {
      const pairs = value.items.map((pair) => `${JSON.stringify(keyText(pair.key))}:${write(pair.value, depth + 1)}`)
      return `{${pairs.join(',')}}`
    }
    if (isSeq(value)) return `[${value.items.map((item) => write(item, depth + 1)).join(',')}]`
    if (value === null || value === undefined) return 'null'
    if (isScalar(value)) return scalarText(value)
    throw new NoJson('is not a value that JSON can hold', value)
  }
  return write(node, 0) as JsonText
}

function keyText(key: unknown): string {
  if (isScalar(key)) return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
  throw new NoJson('has a key that is not text', key)
}

function scalarText(scalar: Scalar): string {
  const { value } = scalar
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return floatText(scalar.source ?? String(value))
  throw new NoJson(`holds ${scalar.source ?? String(value)}, which JSON does not have`, scalar)
}

/** The digits as written, positionally and with a fraction: PostgreSQL would make an integer of `1e16`. */
function floatText(source: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(source)
  if (match === null) return source
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  const padded = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0')
  const head = padded.slice(0, Math.max(point, 0)).replace(/^0+(?=\d)/, '') || '0'
  return `${sign === '-' ? '-' : ''}${head}.${padded.slice(Math.max(point, 0)) || '0'}`
}
