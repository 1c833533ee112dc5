// The command line and the descriptors of a guest (PROTOCOL.md §1, §7).

import type { SidecarOptions } from './sidecar-options.ts'

export const wireDescriptor = 3
export const watchDescriptor = 4

export function guestArguments(options: SidecarOptions): string[] {
  const { handlerRoots, ignore, inFlightMax, threads, frameBytesMax, logLinesPerSecondMax, watchLibrary } = options
  return [
    ...handlerRoots.flatMap((root) => ['--handlers', root]),
    ...ignore.flatMap((name) => ['--ignore', name]),
    ...['--max-in-flight', String(inFlightMax), '--threads', String(threads)],
    ...['--frame-bytes-max', String(frameBytesMax), '--log-lines-per-second', String(logLinesPerSecondMax)],
    ...['--wire-descriptor', String(wireDescriptor), '--watch-descriptor', String(watchDescriptor)],
    ...(watchLibrary === null ? [] : ['--watch-library', watchLibrary]),
  ]
}
