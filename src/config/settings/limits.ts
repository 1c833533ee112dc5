// `limits`: how large frames and JSON documents may be, and what of the permits a language, a namespace or a handler may have.
import { runtimeNames } from '../../model/handler.ts'
import { suggestion } from '../../model/nearest-name.ts'
import { integerBetween, setting, type Values } from './setting.ts'

export const limitSettings = {
  frame_bytes_max: setting(integerBetween(65_536, 268_435_456), 'Largest frame between host and runtime'),
  json_depth_max: setting(integerBetween(10, 1000), 'Deepest nesting of a JSON document'),
  result_bytes_max: setting(integerBetween(1024, 134_217_728), 'Largest result of a step'),
}

/** Tables of free keys: names of languages, namespaces and handlers. */
export const permitTables = ['languages', 'namespaces', 'handlers', 'weights'] as const
export type PermitTable = (typeof permitTables)[number]

const tokensMax = 10_000

/** Name → tokens, for a handler's limit: calls at once. */
export type PermitTables = Readonly<Record<PermitTable, Readonly<Record<string, number>>>>

export interface LimitsConfig extends PermitTables {
  readonly frameBytesMax: number
  readonly jsonDepthMax: number
  readonly resultBytesMax: number
}

export function limitsConfig(values: Values<typeof limitSettings>, tables: PermitTables): LimitsConfig {
  return {
    ...tables,
    frameBytesMax: values.frame_bytes_max,
    jsonDepthMax: values.json_depth_max,
    resultBytesMax: values.result_bytes_max,
  }
}

export function isPermitTableKey(key: string): boolean {
  return permitTables.some((table) => key === `limits.${table}`)
}

interface Statement {
  readonly key: string
  readonly value: unknown
  readonly file: string
}

/** A later file adds to the names of an earlier one, and replaces their numbers. */
export function readPermitTables(stated: readonly Statement[], problems: string[]): PermitTables {
  const tables: Record<PermitTable, Record<string, number>> = {
    languages: {},
    namespaces: {},
    handlers: {},
    weights: {},
  }
  for (const { key, value, file } of stated) {
    const table = permitTables.find((each) => key === `limits.${each}`)
    if (table === undefined) continue
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${file}: ${key} = ${JSON.stringify(value)}: must be a table of names and numbers`)
      continue
    }
    for (const [name, number] of Object.entries(value)) {
      const problem = entryProblem(table, name, number)
      if (problem === null) tables[table][name] = Number(number)
      else problems.push(`${file}: ${key}.${JSON.stringify(name)} = ${JSON.stringify(number)}: ${problem}`)
    }
  }
  return tables
}

function entryProblem(table: PermitTable, name: string, number: unknown): string | null {
  if (table === 'languages' && !runtimeNames.some((language) => language === name)) {
    return `unknown language${suggestion(name, runtimeNames)}; there are ${runtimeNames.join(', ')}`
  }
  const [inner] = typeof number === 'object' && number !== null ? Object.keys(number) : []
  if (inner !== undefined) return `a name with a dot needs quotes: ${JSON.stringify(`${name}.${inner}`)} = NUMBER`
  const accepted = Number.isInteger(number) && Number(number) >= 1 && Number(number) <= tokensMax
  return accepted ? null : `must be an integer from 1 to ${tokensMax}`
}

/** A step that weighs more than there are permits would never run. */
export function weightProblems({ weights }: PermitTables, permitsMax: number): string[] {
  const heavy = Object.entries(weights).filter(([, weight]) => weight > permitsMax)
  return heavy.map(
    ([name, weight]) =>
      `limits.weights.${JSON.stringify(name)} = ${weight}: its steps would never run with ${permitsMax} permits; ` +
      `lower the weight or raise worker.mpsc_channels.handler_dispatch.max_concurrent_handlers to at least ${weight}`,
  )
}
