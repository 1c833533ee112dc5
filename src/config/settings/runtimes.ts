// `runtimes`: the programs that run handlers, how many calls each takes, and which language an ambiguous namespace means.
import { type RuntimeName, runtimeNames } from '../../model/handler.ts'
import {
  boolean,
  fileNames,
  integerBetween,
  oneOf,
  setting,
  text,
  textNotEmpty,
  type Values,
  variableNames,
} from './setting.ts'
import {
  type SidecarLanguageConfig,
  type SidecarsConfig,
  sidecarLanguageConfig,
  sidecarLanguageSettings,
  sidecarSettings,
  sidecarsConfig,
} from './sidecars.ts'

export const runtimeSettings = {
  ignore: setting(fileNames, 'Names of files and directories below the handler directories that are not loaded'),
  reload: setting(
    boolean,
    'Whether `worker` watches the handler directories and loads what changed; `dev` always does',
  ),
  ruby: { command: setting(textNotEmpty, 'The Ruby program'), ...sidecarLanguageSettings },
  python: {
    interpreter: setting(
      text,
      'The Python program; empty: a virtual environment of the project, else /usr/bin/python3',
    ),
    ...sidecarLanguageSettings,
  },
  sidecars: sidecarSettings,
  typescript: {
    threads: setting(integerBetween(1, 64), 'Worker threads for handlers'),
    in_flight_max: setting(integerBetween(1, 1000), 'Calls that one thread runs at once'),
    memory_mb: setting(integerBetween(16, 65_536), 'Heap limit of one thread'),
    isolation: setting(
      oneOf(['thread', 'process']),
      'Where handlers run: in worker threads of the host, or in as many processes of their own',
    ),
  },
  rust: {
    threads: setting(integerBetween(1, 256), 'Threads for native handlers; with isolation, of each process'),
    isolation: setting(
      oneOf(['in_process', 'process']),
      'Whether native handlers run in the host or in child processes',
    ),
    processes: setting(integerBetween(1, 64), 'With isolation: child processes'),
  },
  env: { pass: setting(variableNames, 'Environment variables that handlers may see beyond the usual ones') },
}

/** A table of free keys, so convict sees it as one object; `readNamespaceRuntimes` checks it. */
export const namespaceRuntimesKey = 'runtimes.namespaces'

export interface TypeScriptConfig {
  /** Threads, or processes. */
  readonly threads: number
  readonly inFlightMax: number
  readonly memoryMb: number
  readonly isolation: 'thread' | 'process'
}

export interface RustConfig {
  /** Of the host, or of each process. */
  readonly threads: number
  readonly isolation: 'in_process' | 'process'
  readonly processes: number
}

export interface RuntimesConfig {
  /** Names of files and directories that no language loads; `*` and `?` stand for any text and any character. */
  readonly ignore: readonly string[]
  /** For `worker`: changed handler files go live without a restart. */
  readonly reload: boolean
  readonly ruby: SidecarLanguageConfig & { readonly command: string }
  readonly python: SidecarLanguageConfig & { /** null: look for one. */ readonly interpreter: string | null }
  readonly sidecars: SidecarsConfig
  readonly typescript: TypeScriptConfig
  readonly rust: RustConfig
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
    ignore: values.ignore,
    reload: values.reload,
    ruby: { command: ruby.command, ...sidecarLanguageConfig(ruby) },
    python: { interpreter: python.interpreter === '' ? null : python.interpreter, ...sidecarLanguageConfig(python) },
    sidecars: sidecarsConfig(values.sidecars),
    typescript: {
      threads: typescript.threads,
      inFlightMax: typescript.in_flight_max,
      memoryMb: typescript.memory_mb,
      isolation: typescript.isolation,
    },
    rust: { threads: rust.threads, isolation: rust.isolation, processes: rust.processes },
    envPass: env.pass,
    namespaces,
  }
}

export function isRuntimeName(value: unknown): value is RuntimeName {
  return runtimeNames.some((name) => name === value)
}
