// `stephost doctor`: what is missing on this machine, and the command that installs it.
import type { CliCommand } from './cli-command.ts'
import { doctorChecks } from './doctor-checks.ts'
import { exitCodes } from './failure.ts'
import { jsonDocument, table } from './table.ts'

export const doctorCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) => command,
  run: async ({ config, handlerRoots, output, json }) => {
    const checks = await doctorChecks(config, handlerRoots)
    const ok = checks.every((check) => check.ok || check.optional)
    if (json) output.write(jsonDocument({ ok, checks }))
    else {
      output.write(table(checks.map(({ name, ok: fine, found }) => [fine ? 'ok' : 'missing', name, found])))
      for (const { name, cure } of checks) if (cure !== null) output.write(`${name}: ${cure}\n`)
    }
    return ok ? exitCodes.done : exitCodes.environment
  },
}
