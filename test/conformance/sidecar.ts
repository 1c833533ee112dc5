// Opens a real interpreter behind the sidecar adapter over the fixture handlers of its language.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { guestProgram } from '../../src/adapters/native/addon.ts'
import { findHandlerLibraries } from '../../src/adapters/native/handler-libraries.ts'
import { SidecarAdapter } from '../../src/adapters/sidecar/sidecar-adapter.ts'
import { restartDefaults, type SidecarOptions } from '../../src/adapters/sidecar/sidecar-options.ts'
import type { LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import { frameBytesMaxDefault } from '../../src/protocol/frames.ts'

export interface SidecarUnderTest {
  readonly runtime: SidecarOptions['runtime']
  readonly command: SidecarOptions['command']
  readonly env: Readonly<Record<string, string>>
  /** Absent: the fixture handlers of the language. */
  readonly handlerRoots?: readonly string[]
}

export async function openSidecar(
  { runtime, command, env, handlerRoots }: SidecarUnderTest,
  log: (record: LogRecord) => void,
): Promise<RuntimeAdapter> {
  const adapter = new SidecarAdapter({
    ...{ runtime, command, env, log },
    cwd: repositoryPath('.'),
    handlerRoots: handlerRoots ?? [repositoryPath(`test/fixtures/handlers/${runtime}`)],
    ignore: [],
    // One process, so that a handler that takes it down takes the others along: the suite looks at that.
    processes: 1,
    inFlightMax: 10,
    threads: 10,
    frameBytesMax: frameBytesMaxDefault,
    logLinesPerSecondMax: 1000,
    startTimeoutMs: 20_000,
    cancelGraceMs: 300,
    silenceMaxMs: 10_000,
    watchLibrary: repositoryPath('build/pinger.so'),
    recycle: { callsMax: null, rssSoftMaxBytes: null, rssHardMaxBytes: null, idleMaxMs: null },
    restart: restartDefaults,
    evidenceDirectory: null,
    replayOptions: [],
  })
  await adapter.start()
  return adapter
}

export function repositoryPath(relative: string): string {
  return fileURLToPath(new URL(`../../${relative}`, import.meta.url))
}

/** The interpreter of the environment that bin/setup makes; without it the system's. */
const inEnvironment = repositoryPath('.venv/bin/python')
const python = existsSync(inEnvironment) ? inEnvironment : '/usr/bin/python3'

/** How the guests of the repository are started; that of TypeScript as it is compiled. */
export const guests = {
  rust: {
    runtime: 'rust',
    command: () => {
      const { libraries } = findHandlerLibraries([repositoryPath('test/fixtures/handlers/rust')])
      return [guestProgram(), ...libraries.flatMap(({ path, file, root }) => ['--library', path, file, root])]
    },
    env: {},
  },
  ruby: { runtime: 'ruby', command: ['ruby', repositoryPath('runtimes/ruby/exe/stephost-ruby')], env: {} },
  python: {
    runtime: 'python',
    command: [python, '-m', 'stephost'],
    env: { PYTHONPATH: repositoryPath('runtimes/python/src') },
  },
  typescript: {
    runtime: 'typescript',
    command: [process.execPath, repositoryPath('dist/runtimes/typescript/src/process.js')],
    env: {},
  },
} as const
