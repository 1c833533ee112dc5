// `runtimes`: the programs that run handlers, how many calls each takes, and which language an ambiguous namespace means.
import { type RuntimeName, runtimeNames } from '../../model/handler.ts'
import { integerBetween, setting, text, textNotEmpty, type Values, variableNames } from './setting.ts'

export const runtimeSettings = {
  ruby: {
    command: setting(textNotEmpty, 'The Ruby program'),
    in_flight_max: setting(integerBetween(1, 1000), 'Calls that one Ruby process runs at once'),
  },
  python: {
    interpreter: setting(text, "The Python program; empty: the project's .venv, else /usr/bin/python3"),
    in_flight_max: setting(integerBetween(1, 1000), 'Calls that one Python process runs at once'),
  },
  typescript: {
    threads: setting(integerBetween(1, 64), 'Worker threads for handlers'),
    in_flight_max: setting(integerBetween(1, 1000), 'Calls that one thread runs at once'),
    memory_mb: setting(integerBetween(16, 65_536), 'Heap limit of one thread'),
  },
  rust: { threads: setting(integerBetween(1, 256), 'Threads for native handlers') },
  env: { pass: setting(variableNames, 'Environment variables that handlers may see beyond the usual ones') },
}

/** A table of free keys, so convict sees it as one object; `readNamespaceRuntimes` checks it. */
export const namespaceRuntimesKey = 'runtimes.namespaces'

export interface RuntimesConfig {
  readonly ruby: { readonly command: string; readonly inFlightMax: number }
  readonly python: { /** null: look for one. */ readonly interpreter: string | null; readonly inFlightMax: number }
  readonly typescript: { readonly threads: number; readonly inFlightMax: number; readonly memoryMb: number }
  readonly rust: { readonly threads: number }
  readonly envPass: readonly string[]
  /** Namespace → the language of its ambiguous callables (design D14). */
  readonly namespaces: Readonly<Record<string, RuntimeName>>
}

export function runtimesConfig(
  values: Values<typeof runtimeSettings>,
  namespaces: Readonly<Record<string, RuntimeName>>,
): RuntimesConfig {
  const { ruby, python, typescript, rust, env } = values
  return {
    ruby: { command: ruby.command, inFlightMax: ruby.in_flight_max },
    python: { interpreter: python.interpreter === '' ? null : python.interpreter, inFlightMax: python.in_flight_max },
    typescript: {
      threads: typescript.threads,
      inFlightMax: typescript.in_flight_max,
      memoryMb: typescript.memory_mb,
    },
    rust: { threads: rust.threads },
    envPass: env.pass,
    namespaces,
  }
}

export function isRuntimeName(value: unknown): value is RuntimeName {
  return runtimeNames.some((name) => name === value)
}
