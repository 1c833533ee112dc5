// One key of the configuration as convict wants it, and the forms that values may have.

/** Throws an Error whose message completes "KEY = VALUE: …". */
export type Format<T> = (value: unknown) => asserts value is T

export interface Setting<T> {
  readonly doc: string
  readonly format: Format<T>
  /** Always null, which no form accepts: the base files state every value, so a key that is missing there is found. */
  readonly default: null
  /** The variable that replaces the value of every file. */
  readonly env?: string
}

/** What a tree of settings holds once it is read. */
export type Values<Tree> =
  Tree extends Setting<infer Value> ? Value : { readonly [Key in keyof Tree]: Values<Tree[Key]> }

export function setting<T>(format: Format<T>, doc: string, options: { env?: string } = {}): Setting<T> {
  return { doc, format, default: null, ...(options.env === undefined ? {} : { env: options.env }) }
}

export function form<T>(allowed: string, accepts: (value: unknown) => boolean): Format<T> {
  return (value: unknown): asserts value is T => {
    if (!accepts(value)) throw new Error(`must be ${allowed}`)
  }
}

export function integerBetween(min: number, max: number): Format<number> {
  return form(`an integer from ${min} to ${max}`, (value) => Number.isInteger(value) && within(value, min, max))
}

export function numberBetween(min: number, max: number): Format<number> {
  return form(`a number from ${min} to ${max}`, (value) => within(value, min, max))
}

function within(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max
}

export function integersBetween(min: number, max: number): Format<readonly number[]> {
  const accepts = (value: unknown) => Number.isInteger(value) && within(value, min, max)
  return form(
    `a list, not empty, of integers from ${min} to ${max}`,
    (value) => Array.isArray(value) && value.length > 0 && value.every(accepts),
  )
}

export function oneOf<const Word extends string>(words: readonly Word[]): Format<Word> {
  return form(`one of ${words.map((word) => `"${word}"`).join(', ')}`, (value) => words.some((word) => word === value))
}

export const boolean: Format<boolean> = form('true or false', (value) => typeof value === 'boolean')
export const text: Format<string> = form('text', (value) => typeof value === 'string')
export const textNotEmpty: Format<string> = form(
  'text, not empty',
  (value) => typeof value === 'string' && value !== '',
)
export const queueName: Format<string> = form(
  'a queue name: at most 47 letters, digits and underscores',
  (value) => typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,46}$/.test(value),
)
export const variableNames: Format<readonly string[]> = form(
  'a list of names of environment variables',
  (value) => Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[A-Za-z_]\w*$/.test(name)),
)
export const namespaceNames: Format<readonly string[]> = form(
  'a list of namespaces: at most 29 letters, digits and underscores each',
  (value) =>
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,28}$/.test(name)),
)
export const fileNames: Format<readonly string[]> = form(
  'a list of names of files or directories, without a slash; * and ? may stand in them',
  (value) => Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[^/\0]+$/.test(name)),
)
export const databaseUrl: Format<string> = form(
  'postgresql://user:password@host:port/database, or empty',
  (value) => value === '' || (typeof value === 'string' && /^postgres(ql)?:\/\//.test(value) && URL.canParse(value)),
)
export const brokerUrl: Format<string> = form(
  'amqp://user:password@host:port/vhost, or amqps://…',
  (value) => typeof value === 'string' && /^amqps?:\/\//.test(value) && URL.canParse(value),
)
export const address: Format<string> = form(
  'host:port, for example 127.0.0.1:8081 or [::1]:8081',
  (value) => typeof value === 'string' && readAddress(value) !== null,
)

export interface Address {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** null when the text is not `host:port`; the brackets of an IPv6 host are taken off. */
export function readAddress(value: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port > 65_535 ? null : { host, port }
}

/** For a value that `address` has accepted. */
export function addressOf(value: string): Address {
  return readAddress(value) ?? { host: '127.0.0.1', port: 0 }
}
