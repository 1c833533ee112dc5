// A host that stays up until a signal: what dev, worker and orchestrator have in common.
import { Host, type HostOptions } from '../host.ts'
import type { CommandContext } from './command-context.ts'
import { followConfig } from './config-reload.ts'
import { exitCodes } from './failure.ts'
import { type StopSignals, stopSignals } from './signals.ts'

/**
 * Starts the parts, announces them, and stops them on a signal: the first drains, the second forces.
 * `database` opens what the parts work on; it is stopped last. Exit code 0 after a drain, 130 or 143 when it was forced.
 */
export async function serve(
  context: CommandContext,
  options: {
    parts: HostOptions['parts']
    handlerRoots: readonly string[]
    /** Changed handler files go live. */
    reload: boolean
    database: () => Promise<{ url: string; stop(): Promise<void> }>
  },
): Promise<number> {
  let host: Host | null = null
  let forced = false
  const signals = stopSignals({
    force: () => {
      forced = true
      host?.forceStop()
    },
  })
  try {
    const database = await options.database()
    try {
      const { config, log, dataDir } = context
      const { parts, handlerRoots, reload } = options
      host = new Host({ config, log, handlerRoots, parts, databaseUrl: database.url, strict: false, reload, dataDir })
      const following = followReloads(context, host, reload)
      try {
        await host.start()
        announce(context, host)
        const signal = await signals.first
        context.log.info({ signal }, 'stopping; the same signal again forces it')
      } finally {
        await following.close()
      }
      await host.stop()
    } finally {
      await database.stop()
    }
    return endCode(signals, forced)
  } finally {
    signals.close()
  }
}

function followReloads({ config, readConfig }: CommandContext, host: Host, watches: boolean) {
  return followConfig({
    file: watches ? config.file : null,
    reload: () => host.reloadConfig(readConfig),
    hungUp: () => process.kill(process.pid, 'SIGTERM'),
  })
}

function endCode(signals: StopSignals, forced: boolean): number {
  return forced ? (signals.exitCode() ?? exitCodes.workFailed) : exitCodes.done
}

function announce({ log, output, json }: CommandContext, host: Host): void {
  const { worker, orchestrator } = host.addresses()
  const callables = host.handlers().length
  const templates = host.templates.length
  log.info({ worker, orchestrator, handlers: callables, templates }, 'ready')
  if (json) output.write(`${JSON.stringify({ ready: true, worker, orchestrator, handlers: callables, templates })}\n`)
}
