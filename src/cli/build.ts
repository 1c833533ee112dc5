// `stephost build`: compiles the crates below the handler directories.

import { CrateBuilder } from '../adapters/native/crate-builder.ts'
import { findHandlerCrates, hasCargo } from '../adapters/native/handler-libraries.ts'
import { HostError } from '../model/host-error.ts'
import type { CliCommand } from './cli-command.ts'
import { exitCodes } from './failure.ts'
import { jsonDocument } from './table.ts'

export const buildCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) => command,
  run: async ({ handlerRoots, output, json }) => {
    const crates = findHandlerCrates(handlerRoots)
    if (crates.length > 0 && !hasCargo()) {
      throw new HostError('RUNTIME_UNAVAILABLE', 'cargo is missing, so the crates cannot be built.')
    }
    const builder = new CrateBuilder()
    const builds = await builder.build(crates)
    output.write(json ? jsonDocument({ crates: builds }) : report(builds))
    return builds.every(({ built }) => built) ? exitCodes.done : exitCodes.workFailed
  },
}

function report(builds: readonly { readonly file: string; readonly built: boolean }[]): string {
  if (builds.length === 0) return 'there is no crate whose library is a cdylib\n'
  return builds.map(({ file, built }) => `${built ? 'built' : 'not built'} ${file}\n`).join('')
}
