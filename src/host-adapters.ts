// Opens the adapters of the languages that a project really uses, each with its part of the configuration.

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type FoundLibraries, findHandlerLibraries } from './adapters/native/handler-libraries.ts'
import { NativeAdapter } from './adapters/native/native-adapter.ts'
import { guestEnvironment } from './adapters/sidecar/guest-environment.ts'
import { SidecarAdapter } from './adapters/sidecar/sidecar-adapter.ts'
import { TypeScriptAdapter } from './adapters/typescript/typescript-adapter.ts'
import type { Config } from './config/config.ts'
import { ignoredNames, ignorePatterns, type NameRule, runtimesBelow } from './host-handler-files.ts'
import { findPython, pythonFault } from './host-interpreters.ts'
import { pythonOptions, rubyOptions, rustOptions, typescriptOptions } from './host-sidecars.ts'
import type { RuntimeName } from './model/handler.ts'
import { HostError, messageOf } from './model/host-error.ts'
import type { LogRecord, RuntimeAdapter } from './model/runtime-adapter.ts'

export interface UnavailableRuntime {
  readonly runtime: RuntimeName
  readonly error: HostError
}

export interface OpenAdaptersOptions {
  readonly config: Config
  readonly handlerRoots: readonly string[]
  /** For commands that only look: a pool of this size is enough. */
  readonly processesMax?: number
  /** `--data-dir`; absent: what kills its process leaves no evidence, null: the default place. */
  readonly dataDir?: string | null
  log(record: LogRecord): void
}

/** The adapters of a host: those that started, and the languages that cannot run on this machine. */
export class OpenedAdapters {
  readonly #adapters: RuntimeAdapter[] = []
  readonly #unavailable = new Map<RuntimeName, HostError>()

  /** Started; whoever opened them stops them. The same array for ever: the flow and health read it anew, so a language may join. */
  get adapters(): readonly RuntimeAdapter[] {
    return this.#adapters
  }

  /** Languages that the project has files of and that do not run. */
  get unavailable(): readonly UnavailableRuntime[] {
    return [...this.#unavailable].map(([runtime, error]) => ({ runtime, error }))
  }

  /** Starts the adapter; resolves with null when it serves from now on, else with why it does not. */
  async open(adapter: RuntimeAdapter, explain: (error: unknown) => unknown): Promise<HostError | null> {
    try {
      await adapter.start()
    } catch (error) {
      const fault = faultOf(explain(error))
      this.#unavailable.set(adapter.name, fault)
      return fault
    }
    this.#unavailable.delete(adapter.name)
    this.#adapters.push(adapter)
    return null
  }

  async stop(): Promise<void> {
    await Promise.all(this.#adapters.map((adapter) => adapter.stop()))
  }
}

/** A language that cannot start makes only its own handlers unavailable. Rejects with HANDLERS_DIR_MISSING. */
export async function openAdapters(options: OpenAdaptersOptions): Promise<OpenedAdapters> {
  const missing = options.handlerRoots.find((root) => !statSync(root, { throwIfNoEntry: false })?.isDirectory())
  if (missing !== undefined)
    throw new HostError('HANDLERS_DIR_MISSING', `The handler directory does not exist: ${missing}`)
  const opened = new OpenedAdapters()
  await Promise.all(runtimesOf(options).map((runtime) => openAdapter(opened, makeAdapter(runtime, options), options)))
  return opened
}

/** Starts one adapter and lets it join. */
export function openAdapter(
  opened: OpenedAdapters,
  adapter: RuntimeAdapter,
  { config, handlerRoots }: Pick<OpenAdaptersOptions, 'config' | 'handlerRoots'>,
): Promise<HostError | null> {
  const python = findPython(config.runtimes.python.interpreter, handlerRoots).program
  return opened.open(adapter, (error) => (adapter.name === 'python' ? pythonFault(error, python) : error))
}

function faultOf(reason: unknown): HostError {
  return reason instanceof HostError
    ? reason
    : new HostError('RUNTIME_UNAVAILABLE', messageOf(reason), { cause: reason })
}

/** In the order in which their handlers are listed. */
function runtimesOf({ config, handlerRoots }: OpenAdaptersOptions): readonly RuntimeName[] {
  const found = runtimesBelow(handlerRoots, isIgnored({ config, handlerRoots }))
  const { libraries, loadFailures } = handlerLibraries({ config, handlerRoots })
  const used = (['typescript', 'ruby', 'python'] as const).filter((runtime) => found.has(runtime))
  return libraries.length + loadFailures.length > 0 ? [...used, 'rust'] : used
}

function isIgnored({ config, handlerRoots }: Pick<OpenAdaptersOptions, 'config' | 'handlerRoots'>): NameRule {
  return ignoredNames(ignorePatterns(config.runtimes.ignore, handlerRoots))
}

/** A library or crate is left out when its file or a directory above it is. */
function handlerLibraries(options: Pick<OpenAdaptersOptions, 'config' | 'handlerRoots'>): FoundLibraries {
  const ignored = isIgnored(options)
  const kept = ({ file }: { readonly file: string }) => !file.split('/').some(ignored)
  const { libraries, loadFailures } = findHandlerLibraries(options.handlerRoots)
  return { libraries: libraries.filter(kept), loadFailures: loadFailures.filter(kept) }
}

/** Not started yet. */
export function makeAdapter(runtime: RuntimeName, options: OpenAdaptersOptions): RuntimeAdapter {
  const { config, handlerRoots, log } = options
  const { runtimes, dispatch } = config
  const passed = passedVariables(runtimes.envPass)
  const { cancelGraceMs } = dispatch
  const ignore = ignorePatterns(runtimes.ignore, handlerRoots)
  const project = {
    ...{ config, handlerRoots, ignore, passed, log },
    processesMax: options.processesMax ?? Number.MAX_SAFE_INTEGER,
    evidenceDirectory: options.dataDir === undefined ? null : evidenceDirectory(options.dataDir),
  }
  switch (runtime) {
    case 'ruby':
      return new SidecarAdapter(rubyOptions(project))
    case 'python':
      return new SidecarAdapter(pythonOptions(project))
    case 'rust':
      if (runtimes.rust.isolation === 'process') {
        return new SidecarAdapter(rustOptions(project, () => handlerLibraries(options)))
      }
      return new NativeAdapter({
        ...{ threads: runtimes.rust.threads, cancelGraceMs, log },
        find: () => handlerLibraries(options),
        journalDirectory: project.evidenceDirectory,
      })
    case 'typescript':
      if (runtimes.typescript.isolation === 'process') return new SidecarAdapter(typescriptOptions(project))
      return new TypeScriptAdapter({
        ...{ handlerRoots, ignore, cancelGraceMs, log },
        env: guestEnvironment(passed, process.env),
        threads: runtimes.typescript.threads,
        inFlightMaxPerThread: runtimes.typescript.inFlightMax,
        memoryMaxMb: runtimes.typescript.memoryMb,
        startTimeoutMs: runtimes.sidecars.startTimeoutMs,
      })
  }
}

/** The language in one child process that the pool knows nothing of, for a step that may end the process it is in. Not started yet. */
export function makeIsolatedAdapter(runtime: RuntimeName, options: OpenAdaptersOptions): RuntimeAdapter {
  const { rust, typescript } = options.config.runtimes
  const runtimes = {
    ...options.config.runtimes,
    rust: { ...rust, isolation: 'process' as const },
    typescript: { ...typescript, isolation: 'process' as const },
  }
  return makeAdapter(runtime, { ...options, processesMax: 1, config: { ...options.config, runtimes } })
}

/** Beside the embedded PostgreSQL. */
function evidenceDirectory(dataDir: string | null): string {
  return resolve(join(dataDir ?? '.stephost', 'evidence'))
}

/** Handlers see the usual variables and those that the configuration names, never the host's secrets (design D15). */
function passedVariables(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
