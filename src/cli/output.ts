// Where a command's document goes: the descriptor that bin/stephost kept apart, so that nothing else can mix with it.
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

export interface Output {
  /** True: a person looks at it, so it may be redrawn. */
  readonly terminal: boolean
  readonly colors: boolean
  write(text: string): void
}

const retryMs = 5

/** bin/stephost says with STEPHOST_DOCUMENT_FD that descriptor 3 is its standard output; without it descriptor 1 is used. */
export function documentOutput(environment: NodeJS.ProcessEnv): Output {
  const descriptor = environment['STEPHOST_DOCUMENT_FD'] === '3' ? 3 : 1
  const terminal = isatty(descriptor)
  const colors = terminal && (environment['NO_COLOR'] ?? '') === ''
  return { terminal, colors, write: (text) => writeAll(descriptor, text) }
}

/** A reader that went away (`| head`) is no error; one that is slow is waited for. */
function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs)
    }
  }
}
