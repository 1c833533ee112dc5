// Reading a message field by field: each reader gives the typed value or names the field that is wrong.

import { WireError } from './wire-error.ts'

/** Where a map stands in the message. It becomes text, `The message.results[0].error`, only when something is wrong there. */
type Place = string | { readonly outer: Place; readonly name: string; readonly index: number | null }

/** The fields of one map of a message, read by name and type. */
export class Fields {
  readonly #map: Readonly<Record<string, unknown>>
  readonly #place: Place

  /** @throws WireError `bad_message` when the value is no map. */
  constructor(value: unknown, place: Place) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new WireError('bad_message', `${placeName(place)} is not a map.`)
    }
    this.#map = value as Record<string, unknown>
    this.#place = place
  }

  string(name: string): string {
    const value = this.#read(name)
    return typeof value === 'string' ? value : this.#refuse(name, 'a string')
  }

  optionalString(name: string): string | null {
    const value = this.#read(name)
    if (value === null) return null
    return typeof value === 'string' ? value : this.#refuse(name, 'a string or nil')
  }

  boolean(name: string): boolean {
    const value = this.#read(name)
    return typeof value === 'boolean' ? value : this.#refuse(name, 'a boolean')
  }

  integer(name: string, min: number): number {
    const value = this.#read(name)
    return isInteger(value, min) ? value : this.#refuse(name, `an integer of at least ${min}`)
  }

  optionalInteger(name: string, min: number): number | null {
    const value = this.#read(name)
    if (value === null) return null
    return isInteger(value, min) ? value : this.#refuse(name, `an integer of at least ${min}, or nil`)
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word {
    const value = this.#read(name)
    return words.find((word) => word === value) ?? this.#refuse(name, `one of ${words.join(', ')}`)
  }

  strings(name: string): readonly string[] {
    const value = this.#read(name)
    const isStrings = Array.isArray(value) && value.every((item) => typeof item === 'string')
    return isStrings ? value : this.#refuse(name, 'an array of strings')
  }

  /** Absent is empty. */
  optionalStrings(name: string): readonly string[] {
    return this.#read(name) === null ? [] : this.strings(name)
  }

  optionalMap(name: string): Fields | null {
    return this.#read(name) === null ? null : this.map(name)
  }

  /** Absent is empty. */
  optionalMaps<Item>(name: string, read: (fields: Fields) => Item): readonly Item[] {
    return this.#read(name) === null ? [] : this.maps(name, read)
  }

  map(name: string): Fields {
    return new Fields(this.#read(name), { outer: this.#place, name, index: null })
  }

  maps<Item>(name: string, read: (fields: Fields) => Item): readonly Item[] {
    const value = this.#read(name)
    if (!Array.isArray(value)) return this.#refuse(name, 'an array')
    return value.map((item, index) => read(new Fields(item, { outer: this.#place, name, index })))
  }

  /** Absent, undefined and nil are one. `Object.hasOwn`: a field named like a method of Object is not there. */
  #read(name: string): unknown {
    return Object.hasOwn(this.#map, name) ? (this.#map[name] ?? null) : null
  }

  #refuse(name: string, expected: string): never {
    throw new WireError('bad_message', `${placeName(this.#place)}.${name} must be ${expected}.`)
  }
}

function placeName(place: Place): string {
  if (typeof place === 'string') return place
  const { outer, name, index } = place
  return `${placeName(outer)}.${name}${index === null ? '' : `[${index}]`}`
}

function isInteger(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min
}
