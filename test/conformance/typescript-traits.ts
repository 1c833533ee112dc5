// What the suite knows of the TypeScript runtime, wherever it runs.

import type { AdapterTraits } from './adapter-conformance.ts'

export const typescriptTraits = {
  errorTypes: { retryable: 'retryable_error', permanent: 'permanent_error' },
  raised: { errorType: 'handler_error', retryable: true, backtrace: true },
  numbers: 'javascript',
  badResults: ['nan', 'nul', 'cycle'],
  // Of a thread, descriptor 1 and children's output are the host's own; of a process they are lines of the process.
  printRoutes: ['print'],
  decides: true,
  yields: true,
  rowBatches: true,
  halves: true,
  exits: true,
  brokenFile: 'broken.ts',
} as const satisfies Omit<AdapterTraits, 'dies'>
