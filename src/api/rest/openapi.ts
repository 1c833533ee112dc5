// The OpenAPI document of a server, made from what its routes say of themselves, and the page that shows it. Source: orchestration-semantics §6.1.

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

/** All that the page loads comes from this server, over whatever the page came over. The scripts write styles into elements. */
const pagePolicy = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'style-src': ["'self'", "'unsafe-inline'"],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** Open to everybody, as the document is; what the page calls asks for its permission all the same. */
export async function openApiPage(app: FastifyInstance): Promise<void> {
  // Only who serves it waits for it.
  const { default: swaggerUi } = await import('@fastify/swagger-ui')
  await app.register(swaggerUi, {
    routePrefix: '/api-docs/ui',
    staticCSP: pagePolicy,
    theme: { title: 'stephost orchestration API' },
    uiConfig: { defaultModelsExpandDepth: -1, displayRequestDuration: true },
  })
}
