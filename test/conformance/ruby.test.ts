// The Ruby runtime behind the sidecar adapter passes the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { openSidecar, repositoryPath } from './sidecar.ts'

const command = ['ruby', repositoryPath('runtimes/ruby/exe/stephost-ruby')]

exerciseAdapter({
  name: 'Ruby sidecar',
  open: (log) => openSidecar({ runtime: 'ruby', command, env: {} }, log),
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
