// Finds the text of members of a JSON object or array, so that their numbers stay as they were written (design D13).

import type { JsonText } from './json-text.ts'

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

/** The texts of the elements of a JSON array. `text` must be valid JSON whose top level is an array. */
export function rawElements(text: string): readonly JsonText[] {
  const elements: JsonText[] = []
  let at = skipBlanks(text, text.indexOf('[') + 1)
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at)
    elements.push(text.slice(at, end) as JsonText)
    at = skipBlanks(text, end)
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  return elements
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
