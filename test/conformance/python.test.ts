// The Python runtime behind the sidecar adapter passes the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { guests, openSidecar } from './sidecar.ts'

exerciseAdapter({
  name: 'Python sidecar',
  open: (log) => openSidecar(guests.python, log),
  traits: {
    errorTypes: { retryable: 'retryable_error', permanent: 'permanent_error' },
    raised: { errorType: null, retryable: true, backtrace: true },
    numbers: 'exact',
    badResults: ['nan', 'nul', 'cycle'],
    printRoutes: ['print', 'descriptor', 'subprocess'],
    decides: true,
    yields: true,
    rowBatches: true,
    halves: true,
    exits: true,
    dies: true,
    brokenFile: 'broken.py',
  },
})
