// Finds the text of one member of a JSON object, so that its numbers stay as the client wrote them (design D13).

import type { JsonText } from '../../model/json-text.ts'

/**
 * The text of the top-level member `key`; of several the last, as every JSON parser takes it. null: there is none.
 * `text` must be valid JSON whose top level is an object: parse it first.
 */
export function rawMember(text: string, key: string): JsonText | null {
  let found: JsonText | null = null
  let at = skipBlanks(text, text.indexOf('{') + 1)
  while (text[at] === '"') {
    const keyEnd = stringEnd(text, at)
    const valueStart = skipBlanks(text, text.indexOf(':', keyEnd) + 1)
    const valueEnd = endOfValue(text, valueStart)
    // Escapes are legal in keys, so the key is compared as what it means.
    if (JSON.parse(text.slice(at, keyEnd)) === key) found = text.slice(valueStart, valueEnd) as JsonText
    at = skipBlanks(text, valueEnd)
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  return found
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && /[ \t\n\r]/.test(text[at] ?? '')) at += 1
  return at
}

/** The place after the closing quote. */
function stringEnd(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text[at]
    if (char === '"') {
      at = stringEnd(text, at)
      if (depth === 0) return at
      continue
    }
    if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      // The end of the object around it: the value was a number or a word.
      if (depth === 0) return at
      depth -= 1
      if (depth === 0) return at + 1
    } else if (depth === 0 && (char === ',' || skipBlanks(text, at) > at)) return at
    at += 1
  }
  return at
}
