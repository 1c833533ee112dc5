// A sidecar adapter over handlers of a bench, with everything switched on that a worker has switched on.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SidecarAdapter } from '../../../src/adapters/sidecar/sidecar-adapter.ts'
import { restartDefaults, type SidecarOptions } from '../../../src/adapters/sidecar/sidecar-options.ts'
import { packageRoot } from '../../../src/config/package-root.ts'
import { frameBytesMaxDefault } from '../../../src/protocol/frames.ts'

export const sidecarRuntimes = ['python', 'ruby'] as const
export type SidecarRuntime = (typeof sidecarRuntimes)[number]

const inPackage = (path: string): string => join(packageRoot(), path)
const ownPython = inPackage('.venv/bin/python')
export const programs = { python: existsSync(ownPython) ? ownPython : '/usr/bin/python3', ruby: 'ruby' }

export function openSidecar(
  runtime: SidecarRuntime,
  handlerRoot: string,
  options: Partial<SidecarOptions> = {},
): SidecarAdapter {
  const commands = {
    python: [programs.python, '-m', 'stephost'],
    ruby: [
      ...[programs.ruby, '--disable=did_you_mean', '--disable=error_highlight'],
      inPackage('runtimes/ruby/exe/stephost-ruby'),
    ],
  }
  const env = { python: { PYTHONPATH: inPackage('runtimes/python/src') }, ruby: {} }
  return new SidecarAdapter({
    ...{ runtime, command: commands[runtime], cwd: packageRoot(), handlerRoots: [handlerRoot], ignore: [] },
    ...{ env: env[runtime], processes: 1, inFlightMax: 64, threads: 64, frameBytesMax: frameBytesMaxDefault },
    ...{ logLinesPerSecondMax: 1000, startTimeoutMs: 30_000, cancelGraceMs: 2000, silenceMaxMs: 10_000 },
    watchLibrary: inPackage('build/pinger.so'),
    recycle: { callsMax: null, rssSoftMaxBytes: null, rssHardMaxBytes: null, idleMaxMs: null },
    restart: restartDefaults,
    evidenceDirectory: null,
    replayOptions: [],
    log: ({ line }) => console.error(line),
    ...options,
  })
}
