// Reads the events that a template step declares; each definition is read once, however many steps come from it.

import {
  type DeliveryMode,
  deliveryModes,
  type EventCondition,
  type EventDeclaration,
  eventConditions,
} from '../model/domain-event.ts'
import { type JsonText, toJsonText } from '../model/json-text.ts'

/** Step definitions that are remembered; beyond it all are read again. */
const definitionsMax = 1000

type Entry = Readonly<Record<string, unknown>>

export class EventDeclarations {
  readonly #read = new Map<JsonText, readonly EventDeclaration[]>()

  /** `stepDefinition` is the document that a handler gets. What is no declaration is left out: the template's own check named it. */
  of(stepDefinition: JsonText): readonly EventDeclaration[] {
    const known = this.#read.get(stepDefinition)
    if (known !== undefined) return known
    if (this.#read.size >= definitionsMax) this.#read.clear()
    const declarations = readDeclarations(stepDefinition)
    this.#read.set(stepDefinition, declarations)
    return declarations
  }
}

function readDeclarations(stepDefinition: JsonText): readonly EventDeclaration[] {
  const { publishes_events: entries } = JSON.parse(stepDefinition) as Entry
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry: unknown) => (isObject(entry) ? readDeclaration(entry) : []))
}

function readDeclaration(entry: Entry): readonly EventDeclaration[] {
  const { name, description, schema, condition, delivery_mode: deliveryMode, publisher } = entry
  if (typeof name !== 'string') return []
  const declaration: EventDeclaration = {
    name,
    description: typeof description === 'string' ? description : '',
    schema: isObject(schema) ? toJsonText(schema) : null,
    deliveryMode: deliveryModes.find((mode) => mode === deliveryMode) ?? ('durable' satisfies DeliveryMode),
    condition: eventConditions.find((known) => known === condition) ?? ('success' satisfies EventCondition),
    publisher: typeof publisher === 'string' && publisher !== '' ? publisher : null,
  }
  return [declaration]
}

function isObject(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
