// `stephost migrate`: creates what is missing in the database and says what that was.
import { dataDirDefault, migrateAt, migrateQueuesAt } from '../host-database.ts'
import { EmbeddedPostgres } from '../postgres/embedded/embedded-postgres.ts'
import type { MigrationReport } from '../postgres/migrate.ts'
import type { CliCommand } from './cli-command.ts'
import type { CommandContext } from './command-context.ts'
import { exitCodes } from './failure.ts'
import { jsonDocument } from './table.ts'

export const migrateCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) => command,
  run: async (context) => {
    const queues = await migrateQueuesAt(context.config)
    const report = { ...(await migrated(context)), ...(queues === null ? {} : { queueDatabase: { applied: queues } }) }
    context.output.write(context.json ? jsonDocument(report) : reportText(report))
    return exitCodes.done
  },
}

async function migrated({ config, dataDir, log }: CommandContext): Promise<MigrationReport> {
  if (config.database.url !== null) return migrateAt(config, config.database.url)
  const server = new EmbeddedPostgres({ dataDir: dataDir ?? dataDirDefault, log: (line) => log.info({}, line) })
  await server.start()
  try {
    return await migrateAt(config, server.url)
  } finally {
    await server.stop()
  }
}

interface Report extends MigrationReport {
  readonly queueDatabase?: { readonly applied: readonly string[] }
}

function reportText({ applied, tasker, pgmq, queueDatabase }: Report): string {
  const queues = (queueDatabase?.applied ?? []).map((name) => `applied ${name} in the queue database\n`).join('')
  const steps = applied.length === 0 ? 'nothing to do\n' : applied.map((name) => `applied ${name}\n`).join('')
  return `${queues}${steps}schema tasker: ${tasker}\nschema pgmq: ${pgmq}\n`
}
