// How the tests run: those that need a database share one server, the others never wait for it; and which of them a second Node repeats.
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const withDatabase = [
  'test/{postgres,dispatch,orchestration,api,e2e,chaos,testing,events,messaging,cli,host}/**/*.test.ts',
]
const conformance = ['test/conformance/**/*.test.ts']

/**
 * What `STEPHOST_TESTS=of-the-runtime` leaves out, for the run of bin/test on a second Node: these tests are about SQL, about decisions in
 * plain values, about the broker, about several hosts, and about faults of machines. All that they use of Node (processes, threads, the addon, sockets, timers,
 * files, HTTP) is what the others test, which run on both. A new file is run on both unless it is named here.
 */
const sameOnEveryNode = [
  'test/{chaos,messaging,orchestration,rules}/**',
  // Its schema, queues and functions; connections, LISTEN, migrations and the embedded server are tested on both.
  'test/postgres/{complete-step,pgmq,register-templates,rejected-messages,stored-results,tasker-*}.test.ts',
  // Accounts and directories of the system; how the embedded server is started, shared and stopped is tested on both.
  'test/postgres/embedded/{account,binaries}.test.ts',
  // What cargo builds, what a new project looks like, and figures; the addon and other native processes are tested on both.
  'test/cli/{bench,bench-peers,bench-waits,init,native-crates,new}.test.ts',
  // What goes on in a handler's process, in PostgreSQL or between hosts; that hosts, sidecars and steps start, run and end is tested on both.
  'test/e2e/{busy-handler,native-poison,outage-health,second-hosts}.test.ts',
  'test/cli/{checkpoint-yield,row-batches,transports}.test.ts',
  // Whose step it is and what is stored of it; how a worker waits, calls, ends and is cut off is tested on both.
  'test/dispatch/{changed-template,claim-order,claimed-documents,dead-workers,found-namespaces,outage-*,permit-limits,queue-head,recovery,result-*,template-fit}.test.ts',
]
const leftOut = process.env['STEPHOST_TESTS'] === 'of-the-runtime' ? sameOnEveryNode : []

const common = {
  pool: 'forks' as const,
  // Real processes on a machine that others may keep busy: what fails twice in a row has failed.
  retry: process.env['CI'] === undefined ? 0 : 1,
  // Hosts of many tests run side by side.
  env: { TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0' },
  setupFiles: ['test/fixtures/leak-check.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  resolve: {
    alias: {
      stephost: fileURLToPath(new URL('./runtimes/typescript/src/stephost.ts', import.meta.url)),
      '@tasker-systems/tasker': fileURLToPath(new URL('./runtimes/typescript/src/stephost.ts', import.meta.url)),
    },
  },
  test: {
    // On two cores vitest takes one by itself, and much of what is tested are waits for processes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...withDatabase, ...conformance, ...leftOut],
        },
      },
      { extends: true, test: { ...common, name: 'conformance', include: conformance, exclude: leftOut } },
      {
        extends: true,
        test: {
          ...common,
          name: 'integration',
          include: withDatabase,
          exclude: leftOut,
          // Their files share processes: each has a database of its own and src/ keeps nothing, so a third of the processor time was imports.
          isolate: false,
          globalSetup: ['test/fixtures/global-setup.ts'],
        },
      },
    ],
  },
})
