// What the sidecars of Ruby, Python and, by choice, TypeScript are started with, put together from the configuration and from what the project holds.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { guestProgram } from './adapters/native/addon.ts'
import type { FoundLibraries } from './adapters/native/handler-libraries.ts'
import { restartDefaults, type SidecarOptions } from './adapters/sidecar/sidecar-options.ts'
import type { Config } from './config/config.ts'
import { packageRoot } from './config/package-root.ts'
import { findGemfile, findPython, rubyCommand } from './host-interpreters.ts'
import type { LogRecord } from './model/runtime-adapter.ts'

export interface SidecarProject {
  readonly config: Config
  readonly handlerRoots: readonly string[]
  /** Patterns of names that are not loaded. */
  readonly ignore: readonly string[]
  /** The variables that the configuration lets handlers see. */
  readonly passed: Readonly<Record<string, string>>
  /** For commands that only look: no more processes than this. */
  readonly processesMax: number
  readonly evidenceDirectory: string | null
  log(record: LogRecord): void
}

export function rubyOptions(project: SidecarProject): SidecarOptions {
  const { ruby } = project.config.runtimes
  const gemfile = findGemfile(project.handlerRoots)
  const env = gemfile === null ? project.passed : { ...project.passed, BUNDLE_GEMFILE: gemfile }
  return { ...sidecarOptions(project, ruby), runtime: 'ruby', command: rubyCommand(ruby.command), env }
}

export function pythonOptions(project: SidecarProject): SidecarOptions {
  const { python } = project.config.runtimes
  const { program } = findPython(python.interpreter, project.handlerRoots)
  const env = { ...project.passed, PYTHONPATH: join(packageRoot(), 'runtimes/python/src') }
  return { ...sidecarOptions(project, python), runtime: 'python', command: [program, '-m', 'stephost'], env }
}

/** `runtimes.rust.isolation = "process"`: the libraries of the handler directories, looked for again by each process that starts. */
export function rustOptions(project: SidecarProject, find: () => FoundLibraries): SidecarOptions {
  const { threads, processes } = project.config.runtimes.rust
  const command = (): readonly string[] => {
    const { libraries, loadFailures } = find()
    return [
      guestProgram(),
      ...libraries.flatMap(({ path, file, root }) => ['--library', path, file, root]),
      ...loadFailures.flatMap(({ file, message }) => ['--failure', file, message]),
    ]
  }
  const language = { processes, inFlightMax: threads, threads }
  return { ...sidecarOptions(project, language), runtime: 'rust', command, env: project.passed }
}

/** `runtimes.typescript.isolation = "process"`: as many processes as there would be threads. */
export function typescriptOptions(project: SidecarProject): SidecarOptions {
  const { threads, inFlightMax, memoryMb } = project.config.runtimes.typescript
  const entry = join(packageRoot(), 'dist/runtimes/typescript/src/process.js')
  const command = [process.execPath, `--max-old-space-size=${memoryMb}`, entry]
  const language = { processes: threads, inFlightMax, threads: inFlightMax }
  return { ...sidecarOptions(project, language), runtime: 'typescript', command, env: project.passed }
}

function sidecarOptions(
  { config, handlerRoots, ignore, processesMax, evidenceDirectory, log }: SidecarProject,
  language: { readonly processes: number; readonly inFlightMax: number; readonly threads: number },
): Omit<SidecarOptions, 'runtime' | 'command' | 'env'> {
  const { sidecars } = config.runtimes
  const watchLibrary = join(packageRoot(), 'build/pinger.so')
  return {
    cwd: process.cwd(),
    handlerRoots,
    ignore,
    processes: Math.min(language.processes, processesMax),
    inFlightMax: language.inFlightMax,
    threads: language.threads,
    frameBytesMax: config.limits.frameBytesMax,
    logLinesPerSecondMax: sidecars.logLinesPerSecondMax,
    startTimeoutMs: sidecars.startTimeoutMs,
    cancelGraceMs: config.dispatch.cancelGraceMs,
    silenceMaxMs: sidecars.silenceMaxMs,
    watchLibrary: existsSync(watchLibrary) ? watchLibrary : null,
    recycle: sidecars.recycle,
    restart: restartDefaults,
    evidenceDirectory,
    replayOptions: replayOptions(config, handlerRoots),
    log,
  }
}

function replayOptions({ file, environment }: Config, handlerRoots: readonly string[]): readonly string[] {
  const roots = handlerRoots.flatMap((root) => ['--handlers', root])
  return [...roots, ...(file === null ? [] : ['--config', file]), '--env', environment]
}
