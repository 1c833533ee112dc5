// `${NAME}` and `${NAME:-default}` in the text of a TOML file, as Tasker's files use them.

/**
 * A variable that is unset or empty gives the default; without a default the text stays, and a key that is used and still holds it is refused.
 * Values are escaped for TOML strings. Unlike Tasker any variable may be named: the key's own form decides what is allowed.
 * Source: worker-api-and-config §3.1.
 */
export function substituteVariables(source: string, environment: NodeJS.ProcessEnv): string {
  return source.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (whole, name: string, fallback: string | undefined) => {
    const value = environment[name]
    if (value !== undefined && value !== '') return escapeForToml(value)
    return fallback ?? whole
  })
}

/** The name of a variable that was not substituted, or null. */
export function unresolvedVariable(value: unknown): string | null {
  return typeof value === 'string' ? (/\$\{(\w+)\}/.exec(value)?.[1] ?? null) : null
}

function escapeForToml(value: string): string {
  // JSON's escapes are all legal in a TOML basic string.
  return JSON.stringify(value).slice(1, -1).replaceAll('\u007f', '\\u007f')
}
