// When a running host reads its configuration again: on SIGHUP, and with --reload when the file changes.
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { watch } from 'chokidar'

export interface ConfigReloadOptions {
  /** Watched; null: only SIGHUP counts. */
  readonly file: string | null
  reload(): void
  /** SIGHUP because the terminal is gone. */
  hungUp(): void
}

/** Editors write in several steps. */
const quietMs = 100

/** Once closed it reads nothing again, but SIGHUP stays caught until the process is gone: one more would end it in the midst of its drain. */
export function followConfig({ file, reload, hungUp }: ConfigReloadOptions): { close(): Promise<void> } {
  const hasTerminal = [0, 2].some((descriptor) => isatty(descriptor))
  let closed = false
  process.on('SIGHUP', () => {
    if (closed) return
    if (hasTerminal && !terminalIsThere()) hungUp()
    else reload()
  })
  let quiet: NodeJS.Timeout | null = null
  const watcher = file === null ? null : watch(file, { ignoreInitial: true })
  watcher?.on('all', () => {
    if (quiet !== null) clearTimeout(quiet)
    quiet = setTimeout(reload, quietMs)
  })
  // A file that cannot be watched can still be read on SIGHUP.
  watcher?.on('error', () => {})
  return {
    close: async () => {
      closed = true
      if (quiet !== null) clearTimeout(quiet)
      await watcher?.close()
    },
  }
}

/** Whoever closes the terminal window of `stephost dev` wants it to end, not to stay behind. */
function terminalIsThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
