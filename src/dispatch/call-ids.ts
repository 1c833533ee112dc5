// The ids of calls: UUIDs by their form, each once in the life of this process and, as far as chance can do it, in the world.

import { randomUUID } from 'node:crypto'
import type { CallId } from '../model/ids.ts'

const countDigits = 8

/** A random UUID is made of twenty strings, for each call; here the last 24 digits are drawn once, and the first eight count. */
export class CallIds {
  readonly #rest = randomUUID().slice(countDigits)
  #count = 0

  next(): CallId {
    this.#count = (this.#count + 1) % 2 ** (4 * countDigits)
    return `${this.#count.toString(16).padStart(countDigits, '0')}${this.#rest}` as CallId
  }
}
