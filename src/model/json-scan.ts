// Judges JSON text without building a value: whether it is one document that jsonb can hold, within the limits.

import type { JsonLimits } from './json-text.ts'

/**
 * null when the text is exactly one JSON value (RFC 8259) that PostgreSQL's jsonb can hold, no deeper than `depthMax` and no larger than
 * `bytesMax` in UTF-8. Otherwise the reason as a short phrase. One pass, no recursion: it runs on every result of a handler.
 * Numbers of absurd magnitude (`1e200000`) pass: only PostgreSQL knows its limit.
 */
export function scanJson(text: string, limits: JsonLimits): string | null {
  const tooLarge = `larger than ${limits.bytesMax} bytes`
  if (text.length > limits.bytesMax) return tooLarge
  const scanner = new Scanner(text, limits.depthMax)
  const reason = scanner.scan()
  if (reason !== null) return reason
  return text.length + scanner.extraBytes > limits.bytesMax ? tooLarge : null
}

const [quote, comma, minus, point, digit0, digit9, colon] = [0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a]
const [openArray, backslash, closeArray, openObject, closeObject] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d]
const literals = ['true', 'false', 'null']
/** The characters that may follow a backslash, but for `u`. */
const shortEscapes = '"\\/bfnrt'
const hexadecimal = /^[0-9a-fA-F]{4}$/

class Scanner {
  /** UTF-8 bytes beyond one per UTF-16 code unit, counted while scanning. */
  extraBytes = 0
  readonly #text: string
  readonly #depthMax: number
  /** The closing character of each container that is open, the innermost last. */
  readonly #closers: number[] = []
  #at = 0

  constructor(text: string, depthMax: number) {
    this.#text = text
    this.#depthMax = depthMax
  }

  scan(): string | null {
    let valueExpected = true
    for (;;) {
      const code = this.#codeAfterBlanks()
      let reason: string | null
      if (!valueExpected && this.#closers.length === 0) {
        return this.#at === this.#text.length ? null : `text after the value at ${this.#at}`
      }
      if (valueExpected && (code === openObject || code === openArray)) {
        reason = this.#open(code)
        // Only right behind its opener: behind a key the same character would be a missing value.
        valueExpected = reason !== null || !this.#closes()
        if (valueExpected && reason === null && code === openObject) reason = this.#key()
      } else if (valueExpected) {
        reason = this.#scalar(code)
        valueExpected = false
      } else if (code === comma) {
        this.#at += 1
        reason = this.#closers.at(-1) === closeObject ? this.#key() : null
        valueExpected = true
      } else {
        reason = this.#closes() ? null : this.#unexpected('instead of a comma')
      }
      if (reason !== null) return reason
    }
  }

  /** Steps into a container. */
  #open(code: number): string | null {
    if (this.#closers.length >= this.#depthMax) return `nested deeper than ${this.#depthMax} levels`
    this.#closers.push(code === openObject ? closeObject : closeArray)
    this.#at += 1
    return null
  }

  /** Steps over the closer of the innermost container, when it stands here. */
  #closes(): boolean {
    if (this.#codeAfterBlanks() !== this.#closers.at(-1)) return false
    this.#closers.pop()
    this.#at += 1
    return true
  }

  #key(): string | null {
    if (this.#codeAfterBlanks() !== quote) return this.#unexpected('instead of a key')
    const reason = this.#string()
    if (reason !== null) return reason
    if (this.#codeAfterBlanks() !== colon) return this.#unexpected('instead of a colon')
    this.#at += 1
    return null
  }

  #scalar(code: number): string | null {
    if (code === quote) return this.#string()
    if (code === minus || isDigit(code)) return this.#number()
    const literal = literals.find((word) => this.#text.startsWith(word, this.#at))
    if (literal === undefined) return this.#unexpected('instead of a value')
    this.#at += literal.length
    return null
  }

  #number(): string | null {
    if (this.#code() === minus) this.#at += 1
    if (this.#code() === digit0) this.#at += 1
    else if (!this.#digits()) return `a malformed number at ${this.#at}`
    if (this.#code() === point) {
      this.#at += 1
      if (!this.#digits()) return `a malformed number at ${this.#at}`
    }
    if (this.#isOneOf('eE')) {
      this.#at += 1
      if (this.#isOneOf('+-')) this.#at += 1
      if (!this.#digits()) return `a malformed number at ${this.#at}`
    }
    return null
  }

  /** Steps over digits; false when there is none. */
  #digits(): boolean {
    const start = this.#at
    while (isDigit(this.#code())) this.#at += 1
    return this.#at > start
  }

  #string(): string | null {
    const text = this.#text
    for (let at = this.#at + 1; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return null
      }
      if (code < 0x20) return `a raw control character at ${at}`
      if (code === backslash) {
        this.#at = at
        const reason = this.#escape()
        if (reason !== null) return reason
        at = this.#at - 1
      } else if (code >= 0x80) {
        const length = isSurrogate(code) ? this.#pairAt(at) : 1
        if (length === 0) return `a lone surrogate at ${at}`
        // A pair is 2 code units and 4 bytes.
        this.extraBytes += code < 0x800 ? 1 : 2
        at += length - 1
      }
    }
    return 'the text ends too early'
  }

  /** 2 when a surrogate pair stands there, 0 when it is a lone surrogate. */
  #pairAt(at: number): 0 | 2 {
    return isHigh(this.#text.charCodeAt(at)) && isLow(this.#text.charCodeAt(at + 1)) ? 2 : 0
  }

  /** Steps over one escape, or over both of a pair. */
  #escape(): string | null {
    const kind = this.#text.charAt(this.#at + 1)
    if (kind !== '' && shortEscapes.includes(kind)) {
      this.#at += 2
      return null
    }
    const code = this.#unicodeEscape(this.#at)
    if (Number.isNaN(code)) return `an invalid escape at ${this.#at}`
    if (code === 0) return `a NUL character at ${this.#at}`
    if (isSurrogate(code) && !(isHigh(code) && isLow(this.#unicodeEscape(this.#at + 6)))) {
      return `a lone surrogate at ${this.#at}`
    }
    this.#at += isSurrogate(code) ? 12 : 6
    return null
  }

  /** The code unit of `\uXXXX` there; NaN when no such escape stands there. */
  #unicodeEscape(at: number): number {
    const digits = this.#text.slice(at + 2, at + 6)
    return this.#text.startsWith('\\u', at) && hexadecimal.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
  }

  #codeAfterBlanks(): number {
    let code = this.#code()
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      this.#at += 1
      code = this.#code()
    }
    return code
  }

  /** NaN at the end of the text. */
  #code(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #isOneOf(characters: string): boolean {
    return this.#at < this.#text.length && characters.includes(this.#text.charAt(this.#at))
  }

  #unexpected(expectation: string): string {
    if (this.#at >= this.#text.length) return 'the text ends too early'
    return `an unexpected character ${expectation} at ${this.#at}`
  }
}

function isDigit(code: number): boolean {
  return code >= digit0 && code <= digit9
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
