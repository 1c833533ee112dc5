// What the conformance suite must know of handlers in Rust, wherever they run.

import type { AdapterTraits } from './adapter-conformance.ts'

export const nativeTraits: AdapterTraits = {
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
}
