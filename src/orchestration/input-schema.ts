// Checks contexts against the `input_schema` of templates; schemas are compiled once.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { messageOf } from '../model/host-error.ts'
import type { JsonText } from '../model/json-text.ts'

const compiledMax = 200
const violationsShownMax = 5

type Check = ValidateFunction | { readonly unusable: string }

export class InputSchemas {
  readonly #compiled = new Map<JsonText, Check>()

  /** What is wrong, each with path and rule; empty when the context fits. A schema that cannot be compiled is one violation. */
  violations(schema: JsonText, context: unknown): readonly string[] {
    const check = this.#check(schema)
    if ('unusable' in check) return [check.unusable]
    if (check(context)) return []
    return (check.errors ?? []).slice(0, violationsShownMax).map((error) => {
      const place = `context${error.instancePath.replaceAll('/', '.')}`
      return `${place} ${error.message ?? 'is not allowed'} (rule ${error.schemaPath})`
    })
  }

  #check(schema: JsonText): Check {
    const known = this.#compiled.get(schema)
    if (known !== undefined) return known
    // Templates are few; only a registry that changes all the time gets here.
    if (this.#compiled.size >= compiledMax) this.#compiled.clear()
    const check = compile(schema)
    this.#compiled.set(schema, check)
    return check
  }
}

function compile(schema: JsonText): Check {
  // One instance per schema: two schemas with the same $id must not meet.
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false })
  addFormats.default(ajv)
  try {
    const parsed = JSON.parse(schema)
    // Schemas name their draft; what we check is the common vocabulary.
    if (typeof parsed === 'object' && parsed !== null) delete parsed['$schema']
    return ajv.compile(parsed)
  } catch (error) {
    return { unusable: `input_schema of the template cannot be used: ${messageOf(error)}` }
  }
}
