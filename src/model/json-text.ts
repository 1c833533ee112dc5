// JSON documents as text: the host passes them on and never turns them into objects.

declare const json: unique symbol
/** The text of exactly one JSON value, UTF-8. Untrusted when it comes from a runtime: see `scanJson`. */
export type JsonText = string & { readonly [json]: true }

export const emptyObject = '{}' as JsonText
export const nullDocument = 'null' as JsonText

/** Writes a value of the host's own as JSON text. Not for documents of users: numbers would be rounded. */
export function toJsonText(value: unknown): JsonText {
  return (JSON.stringify(value) ?? 'null') as JsonText
}

export interface JsonLimits {
  readonly bytesMax: number
  readonly depthMax: number
}
