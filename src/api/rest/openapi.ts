// The OpenAPI document of a server, made from what its routes say of themselves.

import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { route } from './route.ts'

/** Before the routes: it notes them down as they come. */
export async function openApiDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'stephost orchestration API',
        description:
          "Tasks, steps, templates, analytics and dead letters, in the shapes of Tasker's orchestration server.",
        version: '1.0.0',
      },
      tags: ['tasks', 'steps', 'templates', 'analytics', 'dlq', 'health', 'metrics', 'config', 'docs'].map((name) => ({
        name,
      })),
      components: {
        securitySchemes: {
          bearer_auth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          api_key_auth: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
    },
  })
}

export function openApiRoute(app: FastifyInstance): void {
  app.get('/api-docs/openapi.json', route({ permission: null, tag: 'docs', summary: 'This document' }), async () =>
    app.swagger(),
  )
}
