// SIGINT and SIGTERM: the first one asks for a graceful end, the second one forces it.
import { constants } from 'node:os'

export interface StopSignals {
  /** Aborted by the first signal; its reason is the signal's name. */
  readonly stopping: AbortSignal
  /** Resolves with the first signal. */
  readonly first: Promise<NodeJS.Signals>
  /** What a shell expects of a process that a signal ended: 130, 143. null: none came. */
  exitCode(): number | null
  close(): void
}

const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
/** After the second signal, until the process ends with whatever still runs. */
const forcedGraceMs = 5000

/** `force` is called by the second signal, with the exit code that it makes; the process ends when it and the drain are done, or after 5 s. */
export function stopSignals(options: { force: (exitCode: number) => void }): StopSignals {
  const controller = new AbortController()
  let received: NodeJS.Signals | null = null
  let resolveFirst: (signal: NodeJS.Signals) => void = () => {}
  const first = new Promise<NodeJS.Signals>((resolve) => {
    resolveFirst = resolve
  })
  const exitCode = () => (received === null ? null : 128 + constants.signals[received])
  const onSignal = (signal: NodeJS.Signals) => {
    if (received === null) {
      received = signal
      controller.abort(signal)
      resolveFirst(signal)
      return
    }
    received = signal
    const code = exitCode() ?? 1
    setTimeout(() => process.exit(code), forcedGraceMs).unref()
    options.force(code)
  }
  for (const name of names) process.on(name, onSignal)
  return {
    stopping: controller.signal,
    first,
    exitCode,
    close: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
