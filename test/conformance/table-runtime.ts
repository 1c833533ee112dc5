// The real runtime of each language over its example handlers and the probes of its surface.

import { NativeAdapter } from '../../src/adapters/native/native-adapter.ts'
import { TypeScriptAdapter } from '../../src/adapters/typescript/typescript-adapter.ts'
import type { RuntimeName } from '../../src/model/handler.ts'
import type { LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import { rustExamples } from './case-table.ts'
import { guests, openSidecar, repositoryPath } from './sidecar.ts'

export async function openRuntime(language: RuntimeName, log: (record: LogRecord) => void): Promise<RuntimeAdapter> {
  if (language === 'rust') return openRustExamples(log)
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

/** Each example is a library of its own; `bin/setup --test` builds them. */
async function openRustExamples(log: (record: LogRecord) => void): Promise<RuntimeAdapter> {
  const root = repositoryPath('target/release/examples')
  const libraries = rustExamples.map((name) => ({ path: `${root}/lib${name}.so`, root, file: `${name}.rs` }))
  const adapter = new NativeAdapter({ find: () => ({ libraries, loadFailures: [] }), threads: 4, log })
  await adapter.start()
  return adapter
}
