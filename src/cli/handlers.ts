// `stephost handlers`: what is loaded, in which language, from which file, and what failed to load and why.
import { openAdapters } from '../host-adapters.ts'
import { interpreterOf } from '../host-interpreters.ts'
import type { HandlerDescriptor } from '../model/handler.ts'
import type { LogRecord } from '../model/runtime-adapter.ts'
import { type CliCommand, flagOption } from './cli-command.ts'
import { exitCodes } from './failure.ts'
import { jsonDocument, table } from './table.ts'

export const handlersCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) => command.option('--strict', 'exit 1 when a handler file or a language did not load'),
  run: async (context, input) => {
    const { config, handlerRoots, log, output, json } = context
    const options = { config, handlerRoots, processesMax: 1, log: (record: LogRecord) => log.handler(record) }
    const { adapters, unavailable } = await openAdapters(options)
    try {
      const handlers = adapters
        .flatMap((adapter) => adapter.handlers())
        .toSorted((left, right) => (left.callable < right.callable ? -1 : 1))
      const publishers = adapters.flatMap((adapter) => adapter.publishers())
      const subscribers = adapters.flatMap((adapter) => adapter.subscribers())
      const failures = adapters.flatMap((adapter) => adapter.loadFailures())
      const missing = unavailable.map(({ runtime, error }) => ({ runtime, message: error.message, hint: error.hint }))
      const interpreters = adapters.flatMap(({ name }) => {
        const program = interpreterOf(name, context)
        return program === null ? [] : [[name, program] as const]
      })
      if (json) {
        const programs = Object.fromEntries(interpreters)
        const events = { publishers, subscribers }
        const problems = { load_failures: failures, unavailable: missing }
        output.write(jsonDocument({ handlers, ...events, ...problems, interpreters: programs }))
      } else {
        const rows = handlers.map((handler) => [handler.callable, handler.runtime, handler.file, traitsOf(handler)])
        output.write(rows.length === 0 ? 'no handlers\n' : table([['CALLABLE', 'LANGUAGE', 'FILE', 'TRAITS'], ...rows]))
        for (const { name, runtime, file } of publishers) output.write(`publisher ${name}: ${file} (${runtime})\n`)
        for (const { name, runtime, file, patterns } of subscribers)
          output.write(`subscriber ${name} to ${patterns.join(', ')}: ${file} (${runtime})\n`)
        for (const [name, program] of interpreters) output.write(`${name} is run by ${program}\n`)
        for (const { runtime, file, message } of failures)
          output.write(`not loaded: ${file} (${runtime}): ${message}\n`)
        for (const { runtime, message, hint } of missing)
          output.write(`not available: ${runtime}: ${message}\n  ${hint}\n`)
      }
      return flagOption(input, 'strict') && failures.length + missing.length > 0 ? exitCodes.workFailed : exitCodes.done
    } finally {
      await Promise.all(adapters.map((adapter) => adapter.stop()))
    }
  },
}

/** What a handler says about itself, in few words. */
function traitsOf({ capabilities, batch, dependsOn }: HandlerDescriptor): string {
  const rows = batch === null ? [] : [`up to ${batch.sizeMax} steps within ${batch.waitMaxMs} ms`]
  const steps = dependsOn.length === 0 ? [] : [`needs ${dependsOn.join(', ')}`]
  return [...capabilities, ...rows, ...steps].join('; ')
}
