// The Python runtime behind the sidecar adapter passes the conformance suite.

import { existsSync } from 'node:fs'
import { exerciseAdapter } from './adapter-conformance.ts'
import { openSidecar, repositoryPath } from './sidecar.ts'

/** The interpreter of the environment that bin/setup makes; without it the system's. */
const inEnvironment = repositoryPath('.venv/bin/python')
const python = existsSync(inEnvironment) ? inEnvironment : '/usr/bin/python3'

exerciseAdapter({
  name: 'Python sidecar',
  open: (log) =>
    openSidecar(
      {
        runtime: 'python',
        command: [python, '-m', 'stephost'],
        env: { PYTHONPATH: repositoryPath('runtimes/python/src') },
      },
      log,
    ),
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
