// One TOML file as a flat list of keys and values.
import { readFileSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import { HostError, messageOf } from '../model/host-error.ts'
import { isSettingKey } from './schema.ts'
import { withoutBreakerAlias } from './settings/breakers.ts'
import { substituteVariables } from './substitution.ts'

/** A value and the file that states it. */
export interface StatedValue {
  readonly key: string
  readonly value: unknown
  readonly file: string
}

/** Throws CONFIG_INVALID with the place when the file cannot be read or is no TOML. */
export function readSettingsFile(file: string, environment: NodeJS.ProcessEnv): StatedValue[] {
  return valuesOf(parseFile(file, readText(file), environment), '', file)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new HostError('CONFIG_INVALID', `The configuration file ${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function parseFile(file: string, source: string, environment: NodeJS.ProcessEnv): object {
  try {
    return parse(substituteVariables(source, environment))
  } catch (error) {
    const place = error instanceof TomlError ? `${file}:${error.line}:${error.column}` : file
    const reason = messageOf(error).split('\n', 1)[0] ?? ''
    throw new HostError('CONFIG_INVALID', `${place}: ${reason}`, { cause: error })
  }
}

function valuesOf(table: object, prefix: string, file: string): StatedValue[] {
  return Object.entries(table).flatMap(([name, value]: [string, unknown]) => {
    const key = prefix + name
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    return isTable && !isSettingKey(key)
      ? valuesOf(value, `${key}.`, file)
      : [{ key: withoutBreakerAlias(key), value, file }]
  })
}
