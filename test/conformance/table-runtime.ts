// The real runtime of each language over its example handlers and the probes of its surface.

import { TypeScriptAdapter } from '../../src/adapters/typescript/typescript-adapter.ts'
import type { LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { TableLanguage } from './case-table.ts'
import { guests, openSidecar, repositoryPath } from './sidecar.ts'

export async function openRuntime(language: TableLanguage, log: (record: LogRecord) => void): Promise<RuntimeAdapter> {
  const handlerRoots = [
    repositoryPath(`runtimes/${language}/examples`),
    repositoryPath(`test/fixtures/surface/${language}`),
  ]
  if (language !== 'typescript') return openSidecar({ ...guests[language], handlerRoots }, log)
  const env = { PATH: process.env['PATH'] ?? '' }
  const adapter = new TypeScriptAdapter({ handlerRoots, env, threads: 2, cancelGraceMs: 300, log })
  await adapter.start()
  return adapter
}
