// The ids of calls: UUIDs by their form, whose first half is the span of a trace.

import { randomUUID } from 'node:crypto'
import type { CallId } from '../model/ids.ts'

const countDigits = 8

/** A random UUID is made of twenty strings, for each call. Here the first eight digits count, and the others are drawn anew after four billion calls. */
export class CallIds {
  #rest = ''
  #count = 0

  next(): CallId {
    if (this.#count === 0) this.#rest = randomUUID().slice(countDigits)
    this.#count = (this.#count + 1) % 16 ** countDigits
    return `${this.#count.toString(16).padStart(countDigits, '0')}${this.#rest}` as CallId
  }
}
