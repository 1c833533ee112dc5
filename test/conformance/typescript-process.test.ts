// The TypeScript runtime in processes of its own, behind the sidecar adapter, passes the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { guests, openSidecar } from './sidecar.ts'

exerciseAdapter({
  name: 'TypeScript sidecar',
  open: (log) => openSidecar(guests.typescript, log),
  traits: {
    errorTypes: { retryable: 'retryable_error', permanent: 'permanent_error' },
    raised: { errorType: 'handler_error', retryable: true, backtrace: true },
    numbers: 'javascript',
    badResults: ['nan', 'nul', 'cycle'],
    // Descriptor 1 and children's output are lines of the process.
    printRoutes: ['print'],
    decides: true,
    yields: true,
    rowBatches: true,
    halves: true,
    exits: true,
    dies: true,
    brokenFile: 'broken.ts',
  },
})
