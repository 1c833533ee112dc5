// How the tests run: those that need a database share one server, the others never wait for it.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const withDatabase = [
  'test/{postgres,dispatch,orchestration,api,e2e,chaos,testing,events,messaging,cli,host}/**/*.test.ts',
]
const conformance = ['test/conformance/**/*.test.ts']

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
    projects: [
      {
        extends: true,
        test: { ...common, name: 'unit', include: ['test/**/*.test.ts'], exclude: [...withDatabase, ...conformance] },
      },
      { extends: true, test: { ...common, name: 'conformance', include: conformance } },
      {
        extends: true,
        test: { ...common, name: 'integration', include: withDatabase, globalSetup: ['test/fixtures/global-setup.ts'] },
      },
    ],
  },
})
