// Rust handlers behind the C ABI pass the conformance suite.

import { fileURLToPath } from 'node:url'
import { findHandlerLibraries } from '../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter } from '../../src/adapters/native/native-adapter.ts'
import { exerciseAdapter } from './adapter-conformance.ts'

exerciseAdapter({
  name: 'Native',
  open: async (log) => {
    const root = fileURLToPath(new URL('../fixtures/handlers/rust', import.meta.url))
    const find = () => findHandlerLibraries([root])
    const adapter = new NativeAdapter({ find, threads: 8, cancelGraceMs: 300, log })
    await adapter.start()
    return adapter
  },
  traits: {
    errorTypes: { retryable: 'retryable_error', permanent: 'permanent_error' },
    raised: { errorType: 'handler_panic', retryable: false, backtrace: true },
    numbers: 'exact',
    // JSON values of Rust hold neither NaN nor a cycle.
    badResults: ['nul'],
    // In process: what a library prints is the host's own output.
    printRoutes: [],
    decides: true,
    yields: true,
    rowBatches: true,
    halves: true,
    // A library that ends its process ends the host.
    exits: false,
    dies: false,
    brokenFile: null,
  },
})
