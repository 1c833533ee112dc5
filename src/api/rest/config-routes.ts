// GET /config: what a client may know of the configuration, no secrets. Source: orchestration-semantics §6.10.

import type { FastifyInstance } from 'fastify'
import type { AuthSettings } from '../../model/auth.ts'
import { route } from './route.ts'

/** What the host knows beyond authentication, by its documented names. */
export interface ShownConfig {
  readonly environment: string
  readonly version: string
  readonly circuitBreakers: {
    readonly failureThreshold: number
    readonly timeoutSeconds: number
    readonly successThreshold: number
  }
  readonly connectionsMax: number
  readonly deploymentMode: string
  readonly messaging: { readonly backend: string; readonly queues: readonly string[] }
}

/** The document, for all APIs. */
export function configDocument({ shown, auth }: { shown: ShownConfig; auth: AuthSettings }) {
  return {
    metadata: { timestamp: new Date().toISOString(), environment: shown.environment, version: shown.version },
    auth: {
      enabled: auth.enabled,
      verification_method: auth.verificationMethod,
      jwt_issuer: auth.issuer,
      jwt_audience: auth.audience,
      api_key_header: auth.apiKeyHeader,
      api_key_count: auth.apiKeys.length,
      strict_validation: auth.strictValidation,
      allowed_algorithms: auth.verificationMethod === 'jwks' ? auth.allowedAlgorithms : ['RS256'],
    },
    circuit_breakers: {
      enabled: true,
      failure_threshold: shown.circuitBreakers.failureThreshold,
      timeout_seconds: shown.circuitBreakers.timeoutSeconds,
      success_threshold: shown.circuitBreakers.successThreshold,
    },
    database_pools: { web_api_pool_size: shown.connectionsMax, web_api_max_connections: shown.connectionsMax },
    deployment_mode: shown.deploymentMode,
    messaging: shown.messaging,
  }
}

export function configRoutes(app: FastifyInstance, parts: { shown: ShownConfig; auth: AuthSettings }): void {
  app.get('/config', configRoute, async () => configDocument(parts))
}

const configRoute = route({ permission: 'system:config_read', tag: 'config', summary: 'The configuration in force' })
