// The TypeScript runtime on worker threads passes the conformance suite.

import { fileURLToPath } from 'node:url'
import { TypeScriptAdapter } from '../../src/adapters/typescript/typescript-adapter.ts'
import { exerciseAdapter } from './adapter-conformance.ts'
import { typescriptTraits } from './typescript-traits.ts'

exerciseAdapter({
  name: 'TypeScript',
  open: async (log) => {
    const adapter = new TypeScriptAdapter({
      handlerRoots: [fileURLToPath(new URL('../fixtures/handlers/typescript', import.meta.url))],
      env: { PATH: process.env['PATH'] ?? '' },
      threads: 2,
      cancelGraceMs: 300,
      log,
    })
    await adapter.start()
    return adapter
  },
  traits: {
    ...typescriptTraits,
    // A signal would end the host; threads that end by themselves are in the adapter's own test.
    dies: false,
  },
})
