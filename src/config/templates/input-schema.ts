// Whether the `input_schema` of a template can be used at all; contexts are checked against it elsewhere.
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { messageOf } from '../../model/host-error.ts'
import type { JsonText } from '../../model/json-text.ts'

/** One sentence, or null when ajv compiles it. */
export function inputSchemaFault(schema: JsonText): string | null {
  // One instance per schema: two schemas with the same $id must not meet.
  const ajv = new Ajv2020({ strict: false, logger: false })
  addFormats.default(ajv)
  try {
    const parsed: unknown = JSON.parse(schema)
    if (typeof parsed !== 'object' || parsed === null) return 'must be a JSON Schema (a map)'
    // Schemas name their draft; what counts here is the vocabulary that all drafts share.
    Reflect.deleteProperty(parsed, '$schema')
    ajv.compile(parsed)
    return null
  } catch (error) {
    return `is no usable JSON Schema: ${messageOf(error)}`
  }
}
