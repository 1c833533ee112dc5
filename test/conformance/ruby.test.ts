// The Ruby runtime behind the sidecar adapter passes the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { guests, openSidecar } from './sidecar.ts'

exerciseAdapter({
  name: 'Ruby sidecar',
  open: (log) => openSidecar(guests.ruby, log),
  traits: {
    errorTypes: { retryable: 'RetryableError', permanent: 'PermanentError' },
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
    brokenFile: 'broken.rb',
  },
})
