// JSON text that travels untouched: found in a document by its path, written into a result as it stands.

/** The exact text of one JSON value. A result that contains it carries the same characters: `1.0` stays `1.0`. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export type JsonPath = readonly (string | number)[]

/** `'order.items.0'` → `['order', 'items', '0']`. Keys that contain a dot need the array form. */
export function toJsonPath(path: string | JsonPath): JsonPath {
  if (typeof path !== 'string') return path
  return path === '' ? [] : path.split('.')
}

/**
 * The text of the value at a path, null when nothing is there. Of duplicate keys the last counts, as in JSON.parse.
 * The document must be one valid JSON value.
 */
export function sliceJson(document: string, path: JsonPath): RawJson | null {
  let start = skipBlanks(document, 0)
  for (const segment of path) {
    const found = findMember(document, start, String(segment))
    if (found === null) return null
    start = found
  }
  return new RawJson(document.slice(start, endOfValue(document, start)))
}

/** Where the member or element of the container at `start` begins; null when there is none, or no container. */
function findMember(text: string, start: number, segment: string): number | null {
  const opener = text[start]
  if (opener !== '{' && opener !== '[') return null
  let found: number | null = null
  let index = 0
  let position = skipBlanks(text, start + 1)
  while (text[position] !== '}' && text[position] !== ']' && position < text.length) {
    let key = String(index)
    if (opener === '{') {
      const keyEnd = endOfString(text, position)
      key = JSON.parse(text.slice(position, keyEnd)) as string
      position = skipBlanks(text, skipBlanks(text, keyEnd) + 1)
    }
    if (key === segment) found = position
    position = skipBlanks(text, endOfValue(text, position))
    if (text[position] === ',') position = skipBlanks(text, position + 1)
    index += 1
  }
  return found
}

/** The position behind the value that begins at `start`. Counts brackets instead of recursing: depth costs no stack. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  let position = start
  while (position < text.length) {
    const character = text[position]
    if (character === '"') {
      position = endOfString(text, position)
    } else if (character === '{' || character === '[') {
      depth += 1
      position += 1
    } else if (character === '}' || character === ']') {
      depth -= 1
      position += 1
    } else if (depth > 0) {
      position += 1
    } else {
      return endOfScalar(text, position)
    }
    if (depth === 0) return position
  }
  return position
}

function endOfScalar(text: string, start: number): number {
  let position = start
  while (position < text.length && !',]} \t\r\n'.includes(text[position] ?? ' ')) position += 1
  return position
}

function endOfString(text: string, start: number): number {
  let position = start + 1
  while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1
  return position + 1
}

function skipBlanks(text: string, start: number): number {
  let position = start
  while (' \t\r\n'.includes(text[position] ?? '-')) position += 1
  return position
}
