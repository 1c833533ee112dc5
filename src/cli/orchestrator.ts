// `stephost orchestrator`: the embedded orchestrator alone, against DATABASE_URL.
import { existsSync } from 'node:fs'
import { requireOneDatabase } from '../host-transport.ts'
import type { CliCommand } from './cli-command.ts'
import { productionDatabase } from './production-database.ts'
import { serve } from './serve.ts'
import { handlersDefault } from './shared-options.ts'

export const orchestratorCommand: CliCommand = {
  logLevel: 'info',
  arguments: (command) => command,
  run: (context) =>
    serve(context, {
      parts: { worker: false, orchestrator: true, rest: true },
      // Workers register their templates themselves, so an orchestrator works without any directory of its own.
      handlerRoots: context.handlerRoots.filter((root) => root !== handlersDefault || existsSync(root)),
      reload: false,
      database: async () => {
        requireOneDatabase(context.config)
        return productionDatabase(context.config)
      },
    }),
}
