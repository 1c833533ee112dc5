// A host that stays up until a signal: what dev, worker and orchestrator have in common.
import { Host, type HostOptions } from '../host.ts'
import type { CommandContext } from './command-context.ts'
import { followConfig } from './config-reload.ts'
import { exitCodes } from './failure.ts'
import { type StopSignals, stopSignals } from './signals.ts'

/** Of the steps that are left, those that the log names. */
const namedStepsMax = 20
/** What a part that did not stop keeps open must not keep the process. */
const lingerMaxMs = 500

/**
 * Starts the parts, announces them, and stops them on a signal: the first drains, the second forces.
 * `database` opens what the parts work on; it is stopped last. Exit code 0 when nothing is left, 1 when steps are left to the recovery by
 * other workers, 3 when a defect ended it, 130 or 143 when the end was forced. The process ends within `dispatch.shutdown_max_ms`, whatever hangs.
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
  let forcedCode: number | null = null
  const signals = stopSignals({
    force: (code) => {
      forcedCode = code
      host?.forceStop()
    },
  })
  const isDefect = stopOnDefect(context, signals)
  const endCode = () => {
    if (forcedCode !== null) return forcedCode
    if (isDefect()) return exitCodes.environment
    return (host?.ownedSteps ?? []).length > 0 ? exitCodes.workFailed : exitCodes.done
  }
  let limit: NodeJS.Timeout | undefined
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
        const { shutdownMaxMs } = config.dispatch
        log.info({ signal, at_most_ms: shutdownMaxMs }, 'stopping; the same signal again forces it')
        limit = setTimeout(() => {
          log.error({ limit_ms: shutdownMaxMs }, 'the shutdown took too long; the process ends with what still runs')
          tellOfLeftSteps(context, host)
          process.exit(forcedCode ?? (isDefect() ? exitCodes.environment : exitCodes.workFailed))
        }, shutdownMaxMs)
      } finally {
        await following.close()
      }
      await host.stop()
    } finally {
      await database.stop()
    }
    tellOfLeftSteps(context, host)
    return endCode()
  } finally {
    clearTimeout(limit)
    // Signals stay caught until the process is gone: one more would end it without its exit code.
    if (host?.isStuck === true) setTimeout(() => process.exit(endCode()), lingerMaxMs).unref()
  }
}

/**
 * A promise that rejects with nobody waiting is a defect, and Node would end the process there and then. The rest of it is sound, so
 * it drains instead, as after a signal. Caught until the process is gone. An exception outside any promise still ends it: what it left half done is unknown.
 */
function stopOnDefect({ log }: CommandContext, { stopping }: StopSignals): () => boolean {
  let defects = 0
  process.on('unhandledRejection', (reason) => {
    defects += 1
    log.error({ err: reason }, 'a defect of stephost: a fault that no part of it waited for; the host stops')
    // In the midst of a stop a signal would force it.
    if (defects === 1 && !stopping.aborted) process.kill(process.pid, 'SIGTERM')
  })
  return () => defects > 0
}

function followReloads({ config, readConfig }: CommandContext, host: Host, watches: boolean) {
  return followConfig({
    file: watches ? config.file : null,
    reload: () => host.reloadConfig(readConfig),
    hungUp: () => process.kill(process.pid, 'SIGTERM'),
  })
}

function tellOfLeftSteps({ log }: CommandContext, host: Host | null): void {
  const left = host?.ownedSteps ?? []
  if (left.length === 0) return
  const steps = left.slice(0, namedStepsMax)
  log.error({ left: left.length, steps }, 'steps did not end; other workers take them back, with the attempt counted')
}

function announce({ log, output, json }: CommandContext, host: Host): void {
  const { worker, orchestrator, grpc } = host.addresses()
  const callables = host.handlers().length
  const templates = host.templates.length
  log.info({ worker, orchestrator, grpc, handlers: callables, templates }, 'ready')
  if (json)
    output.write(`${JSON.stringify({ ready: true, worker, orchestrator, grpc, handlers: callables, templates })}\n`)
}
