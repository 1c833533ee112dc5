// `stephost worker`: the production worker, against DATABASE_URL and an orchestrator elsewhere.
import type { CliCommand } from './cli-command.ts'
import { productionDatabase } from './production-database.ts'
import { serve } from './serve.ts'

export const workerCommand: CliCommand = {
  name: 'worker',
  summary: 'production worker against DATABASE_URL',
  logLevel: 'info',
  arguments: (command) => command,
  run: (context) =>
    serve(context, {
      parts: { worker: true, orchestrator: false, rest: true },
      handlerRoots: context.handlerRoots,
      database: () => productionDatabase(context.config),
    }),
}
