// The TypeScript runtime on worker threads passes the conformance suite.

import { fileURLToPath } from 'node:url'
import { TypeScriptAdapter } from '../../src/adapters/typescript/typescript-adapter.ts'
import { exerciseAdapter } from './adapter-conformance.ts'

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
    errorTypes: { retryable: 'retryable_error', permanent: 'permanent_error' },
    raised: { errorType: 'handler_error', retryable: true, backtrace: true },
    numbers: 'javascript',
    badResults: ['nan', 'nul', 'cycle'],
    // Descriptor 1 and children's output are the host's own: a thread has no descriptors to itself.
    printRoutes: ['print'],
    decides: true,
    yields: true,
    rowBatches: true,
    halves: true,
    exits: true,
    // A signal would end the host; threads that end by themselves are in the adapter's own test.
    dies: false,
    brokenFile: 'broken.ts',
  },
})
