// Which Python and Ruby run the handlers of a project, and what the project says about its packages.

import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Config } from './config/config.ts'
import { packageRoot } from './config/package-root.ts'
import type { RuntimeName } from './model/handler.ts'
import { HostError, messageOf } from './model/host-error.ts'

export interface FoundPython {
  readonly program: string
  /** `project`: a virtual environment in a handler directory or beside it; `own`: the one that set-up made. */
  readonly origin: 'configured' | 'project' | 'own' | 'system'
}

/** Never one of a version manager: it lacks msgpack. */
export function findPython(configured: string | null, handlerRoots: readonly string[]): FoundPython {
  if (configured !== null) return { program: configured, origin: 'configured' }
  const environments = placesOf(handlerRoots).flatMap((place) => [join(place, '.venv'), join(place, 'venv')])
  const project = environments.map(pythonIn).find((program) => existsSync(program))
  if (project !== undefined) return { program: project, origin: 'project' }
  const own = pythonIn(join(packageRoot(), '.venv'))
  return existsSync(own) ? { program: own, origin: 'own' } : { program: '/usr/bin/python3', origin: 'system' }
}

function pythonIn(environment: string): string {
  return join(environment, 'bin', 'python')
}

/** The handler directories first, then the directories that they lie in: a project keeps `handlers/` beside its Gemfile. */
function placesOf(handlerRoots: readonly string[]): readonly string[] {
  const roots = handlerRoots.map((root) => resolve(root))
  return [...new Set([...roots, ...roots.map((root) => dirname(root))])]
}

/** null: the project names no gems. */
export function findGemfile(handlerRoots: readonly string[]): string | null {
  return (
    placesOf(handlerRoots)
      .map((place) => join(place, 'Gemfile'))
      .find((file) => existsSync(file)) ?? null
  )
}

/** Program and first arguments. Both gems cost a third of the start and only make messages longer; other programs may not know the options. */
export function rubyCommand(configured: string): readonly string[] {
  const plain = /^ruby[\d.]*$/.test(basename(configured))
  const options = plain ? ['--disable=did_you_mean', '--disable=error_highlight'] : []
  return [configured, ...options, join(packageRoot(), 'runtimes/ruby/exe/stephost-ruby')]
}

/** A sentence about packages that are listed and cannot be there; null when there is nothing to say. */
export function missingEnvironment(python: FoundPython, handlerRoots: readonly string[]): string | null {
  if (python.origin === 'configured' || python.origin === 'project') return null
  const place = placesOf(handlerRoots).find((candidate) => existsSync(join(candidate, 'requirements.txt')))
  if (place === undefined) return null
  const environment = join(place, '.venv')
  const install = `${pythonIn(environment)} -m pip install msgpack -r ${join(place, 'requirements.txt')}`
  return `${join(place, 'requirements.txt')} names packages, and there is no virtual environment beside it. Run: python3 -m venv ${environment} && ${install}`
}

/** A fault of the start in the words of the person who has to cure it. */
export function pythonFault(error: unknown, program: string): unknown {
  if (!/No module named '?msgpack/.test(messageOf(error))) return error
  return new HostError(
    'RUNTIME_UNAVAILABLE',
    `${program} has no msgpack, which the Python runtime needs. Run: ${program} -m pip install msgpack`,
    { cause: error },
  )
}

/** The program that runs each language's handlers; null where it is this process. */
export function interpreterOf(
  runtime: RuntimeName,
  { config, handlerRoots }: { config: Config; handlerRoots: readonly string[] },
): string | null {
  if (runtime === 'ruby') return config.runtimes.ruby.command
  return runtime === 'python' ? findPython(config.runtimes.python.interpreter, handlerRoots).program : null
}
