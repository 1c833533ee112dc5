// Opens the adapters of the languages that a project really uses, each with its part of the configuration.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { findHandlerLibraries } from './adapters/native/handler-libraries.ts'
import { NativeAdapter } from './adapters/native/native-adapter.ts'
import { guestEnvironment } from './adapters/sidecar/guest-environment.ts'
import { SidecarAdapter } from './adapters/sidecar/sidecar-adapter.ts'
import { TypeScriptAdapter } from './adapters/typescript/typescript-adapter.ts'
import type { Config } from './config/config.ts'
import { packageRoot } from './config/package-root.ts'
import type { RuntimeName } from './model/handler.ts'
import { HostError, messageOf } from './model/host-error.ts'
import type { LogRecord, RuntimeAdapter } from './model/runtime-adapter.ts'

/** From the start of a runtime to its list of handlers. */
const startTimeoutMs = 30_000

export interface OpenedAdapters {
  /** Started; whoever opened them stops them. */
  readonly adapters: readonly RuntimeAdapter[]
  /** Languages that the project has files of and that cannot run on this machine. */
  readonly unavailable: readonly { readonly runtime: RuntimeName; readonly error: HostError }[]
}

export interface OpenAdaptersOptions {
  readonly config: Config
  readonly handlerRoots: readonly string[]
  log(record: LogRecord): void
}

/** A language that cannot start makes only its own handlers unavailable. Rejects with HANDLERS_DIR_MISSING. */
export async function openAdapters(options: OpenAdaptersOptions): Promise<OpenedAdapters> {
  const missing = options.handlerRoots.find((root) => !statSync(root, { throwIfNoEntry: false })?.isDirectory())
  if (missing !== undefined)
    throw new HostError('HANDLERS_DIR_MISSING', `The handler directory does not exist: ${missing}`)
  const candidates = adaptersFor(options)
  const started = await Promise.allSettled(candidates.map((adapter) => adapter.start()))
  const unavailable = started.flatMap((outcome, index) => {
    const runtime = candidates[index]?.name
    return outcome.status === 'fulfilled' || runtime === undefined ? [] : [{ runtime, error: faultOf(outcome.reason) }]
  })
  return { adapters: candidates.filter((_, index) => started[index]?.status === 'fulfilled'), unavailable }
}

function faultOf(reason: unknown): HostError {
  return reason instanceof HostError
    ? reason
    : new HostError('RUNTIME_UNAVAILABLE', messageOf(reason), { cause: reason })
}

function adaptersFor({ config, handlerRoots, log }: OpenAdaptersOptions): RuntimeAdapter[] {
  const extensions = extensionsBelow(handlerRoots)
  const { runtimes, dispatch } = config
  const passed = passedVariables(runtimes.envPass)
  const sidecar = {
    handlerRoots,
    cwd: process.cwd(),
    frameBytesMax: config.limits.frameBytesMax,
    startTimeoutMs,
    cancelGraceMs: dispatch.cancelGraceMs,
    log,
  }
  const adapters: RuntimeAdapter[] = []
  if (['.ts', '.mts', '.js', '.mjs', '.cjs'].some((extension) => extensions.has(extension))) {
    adapters.push(
      new TypeScriptAdapter({
        handlerRoots,
        env: guestEnvironment(passed, process.env),
        threads: runtimes.typescript.threads,
        inFlightMaxPerThread: runtimes.typescript.inFlightMax,
        memoryMaxMb: runtimes.typescript.memoryMb,
        startTimeoutMs,
        cancelGraceMs: dispatch.cancelGraceMs,
        log,
      }),
    )
  }
  if (extensions.has('.rb')) {
    const command = [runtimes.ruby.command, join(packageRoot(), 'runtimes/ruby/exe/stephost-ruby')]
    adapters.push(
      new SidecarAdapter({ ...sidecar, runtime: 'ruby', command, env: passed, inFlightMax: runtimes.ruby.inFlightMax }),
    )
  }
  if (extensions.has('.py')) {
    const command = [pythonInterpreter(runtimes.python.interpreter), '-m', 'stephost']
    const env = { ...passed, PYTHONPATH: join(packageRoot(), 'runtimes/python/src') }
    adapters.push(
      new SidecarAdapter({ ...sidecar, runtime: 'python', command, env, inFlightMax: runtimes.python.inFlightMax }),
    )
  }
  const libraries = findHandlerLibraries(handlerRoots)
  if (libraries.libraries.length + libraries.loadFailures.length > 0) {
    adapters.push(
      new NativeAdapter({ ...libraries, threads: runtimes.rust.threads, cancelGraceMs: dispatch.cancelGraceMs, log }),
    )
  }
  return adapters
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

/** The configured one, else the one that set-up made, else the system's; never one of a version manager, which lacks msgpack. */
export function pythonInterpreter(configured: string | null): string {
  if (configured !== null) return configured
  const own = join(packageRoot(), '.venv/bin/python')
  return existsSync(own) ? own : '/usr/bin/python3'
}

const ignored = new Set(['node_modules', 'target', '__pycache__'])

function extensionsBelow(directories: readonly string[], found = new Set<string>()): Set<string> {
  for (const directory of directories) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || ignored.has(entry.name)) continue
      if (entry.isDirectory()) extensionsBelow([join(directory, entry.name)], found)
      else if (!entry.name.endsWith('.d.ts')) found.add(extname(entry.name))
    }
  }
  return found
}
