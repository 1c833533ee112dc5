// Fields of a request in the shape that REST gets them.

import type { Message } from './method.ts'

/** What was not sent is the empty text. */
export function sentText(request: Message, field: string): string {
  const value = request[field]
  return typeof value === 'string' ? value : ''
}

/** All fields as a query has them: text by name. */
export function sentQuery(request: Message): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [name, String(value)]))
}
