// Authentication as a hook of a REST server: each route says which permission it needs, and none is open by accident.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Permission } from '../../model/permission.ts'
import { Refusal } from '../rest/refusal.ts'
import { AuthFailure } from './auth-failure.ts'
import type { Authenticator } from './authenticator.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller of the route needs. Routes without it are open to everybody. */
    readonly permission?: Permission
  }
}

/** Before the body is read: who may not, sends nothing. */
export function requirePermissions(app: FastifyInstance, authenticator: Authenticator): void {
  app.addHook('onRequest', async (request, reply) => {
    const { permission } = request.routeOptions.config
    if (permission === undefined) return
    try {
      await authenticator.authorize(credentialsOf(request, authenticator.apiKeyHeader), permission)
    } catch (error) {
      if (!(error instanceof AuthFailure)) throw error
      refuse(error, reply)
    }
  })
}

function credentialsOf({ headers }: FastifyRequest, apiKeyHeader: string) {
  const apiKey = headers[apiKeyHeader]
  return {
    authorization: headers.authorization ?? null,
    apiKey: typeof apiKey === 'string' ? apiKey : null,
  }
}

function refuse(failure: AuthFailure, reply: FastifyReply): never {
  reply.header('x-auth-failure-reason', failure.reason).header('x-auth-failure-severity', failure.severity)
  if (failure.statusCode === 401) reply.header('WWW-Authenticate', 'Bearer')
  throw new Refusal(failure.statusCode, failure.code, failure.message, failure.retryAfterS)
}
