// For tests of handlers, imported as `stephost/testing`. Nothing here needs a host.

export { buildContext, type ContextFields } from './context-factory.ts'
export { HandlerRun, type RunError, type RunFields, runBatch, runHandler } from './handler-run.ts'
export { type StephostMatchers, stephostMatchers } from './matchers.ts'
