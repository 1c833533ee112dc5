// What GET /config shows of the configuration: names and numbers that a client may know.

import type { ShownConfig } from './api/rest/config-routes.ts'
import type { Config } from './config/config.ts'
import { packageVersion } from './config/package-root.ts'

export function shownConfig({ environment, breakers, database, orchestration, queues }: Config): ShownConfig {
  const { failureThreshold, successThreshold, openMs } = breakers.web
  return {
    environment,
    version: packageVersion(),
    circuitBreakers: { failureThreshold, successThreshold, timeoutSeconds: openMs / 1000 },
    connectionsMax: database.connectionsMax,
    deploymentMode: orchestration.deploymentMode,
    messaging: {
      backend: queues.backend,
      queues: [queues.taskRequests, queues.taskFinalizations, queues.stepResults],
    },
  }
}
