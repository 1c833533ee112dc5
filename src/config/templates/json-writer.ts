// Puts JSON texts together without reading them.
import type { JsonText } from '../../model/json-text.ts'

export function jsonObject(members: Readonly<Record<string, JsonText>>): JsonText {
  return `{${Object.entries(members)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}` as JsonText
}

export function jsonArray(items: readonly JsonText[]): JsonText {
  return `[${items.join(',')}]` as JsonText
}
