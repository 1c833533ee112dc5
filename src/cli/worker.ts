// `stephost worker`: the production worker, against DATABASE_URL and an orchestrator elsewhere.
import { type CliCommand, flagOption } from './cli-command.ts'
import { productionDatabase } from './production-database.ts'
import { serve } from './serve.ts'

export const workerCommand: CliCommand = {
  logLevel: 'info',
  arguments: (command) =>
    command.option('--reload', 'load handler files again when they change (configuration: runtimes.reload)'),
  run: (context, input) =>
    serve(context, {
      parts: { worker: true, orchestrator: false, rest: true },
      handlerRoots: context.handlerRoots,
      reload: flagOption(input, 'reload') || context.config.runtimes.reload,
      database: () => productionDatabase(context.config),
    }),
}
