// `stephost dev`: worker and orchestrator together, on an embedded PostgreSQL unless DATABASE_URL names one.
import { openDatabase } from '../host-database.ts'
import { type CliCommand, flagOption } from './cli-command.ts'
import { serve } from './serve.ts'

export const devCommand: CliCommand = {
  logLevel: 'info',
  arguments: (command) => command.option('--no-reload', 'do not load handler files again when they change'),
  run: (context, input) =>
    serve(context, {
      parts: { worker: true, orchestrator: true, rest: true },
      handlerRoots: context.handlerRoots,
      reload: flagOption(input, 'reload'),
      database: () =>
        openDatabase(context.config, { dataDir: context.dataDir, log: (line) => context.log.info({}, line) }),
    }),
}
