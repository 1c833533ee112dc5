// Checks values against the JSON Schemas of templates, `input_schema` foremost; schemas are compiled once.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { messageOf } from '../model/host-error.ts'
import type { JsonText } from '../model/json-text.ts'

const compiledMax = 200
const violationsShownMax = 5

type Check = ValidateFunction | { readonly unusable: string }

/** How messages call what is checked, and what it is checked against. */
export interface SchemaWords {
  readonly value: string
  readonly schema: string
}

export class InputSchemas {
  readonly #compiled = new Map<JsonText, Check>()
  readonly #words: SchemaWords

  constructor(words: SchemaWords = { value: 'context', schema: 'input_schema of the template' }) {
    this.#words = words
  }

  /** What is wrong, each with path and rule; empty when the value fits. A schema that cannot be compiled is one violation. */
  violations(schema: JsonText, value: unknown): readonly string[] {
    const check = this.#check(schema)
    if ('unusable' in check) return [check.unusable]
    if (check(value)) return []
    return (check.errors ?? []).slice(0, violationsShownMax).map((error) => {
      const place = `${this.#words.value}${error.instancePath.replaceAll('/', '.')}`
      return `${place} ${error.message ?? 'is not allowed'} (rule ${error.schemaPath})`
    })
  }

  #check(schema: JsonText): Check {
    const known = this.#compiled.get(schema)
    if (known !== undefined) return known
    // Templates are few; only a registry that changes all the time gets here.
    if (this.#compiled.size >= compiledMax) this.#compiled.clear()
    const check = compile(schema, this.#words)
    this.#compiled.set(schema, check)
    return check
  }
}

function compile(schema: JsonText, words: SchemaWords): Check {
  // One instance per schema: two schemas with the same $id must not meet.
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false })
  addFormats.default(ajv)
  try {
    const parsed = JSON.parse(schema)
    // Schemas name their draft; what we check is the common vocabulary.
    if (typeof parsed === 'object' && parsed !== null) delete parsed['$schema']
    return ajv.compile(parsed)
  } catch (error) {
    return { unusable: `${words.schema} cannot be used: ${messageOf(error)}` }
  }
}
