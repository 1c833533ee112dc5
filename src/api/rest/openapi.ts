// The OpenAPI document of a server, made from what its routes say of themselves, and the page that shows it. Source: orchestration-semantics §6.1.

import swagger from '@fastify/swagger'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
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
export function openApiPage(app: FastifyInstance): void {
  let made: Promise<FastifyInstance> | null = null
  const show = async (request: FastifyRequest, reply: FastifyReply) => {
    made ??= makePage(app).catch((error: unknown) => {
      made = null
      throw error
    })
    const page = await made
    const { method, url, headers } = request
    const shown = await page.inject({ method: method === 'HEAD' ? 'HEAD' : 'GET', url, headers })
    if (shown.statusCode === 404) return reply.callNotFound()
    const { connection: _ofNoConnection, ...answered } = shown.headers
    return reply.code(shown.statusCode).headers(answered).send(shown.rawPayload)
  }
  for (const path of ['/api-docs/ui', '/api-docs/ui/*']) app.get(path, { schema: { hide: true } }, show)
  app.addHook('onClose', async () => {
    await (await made?.catch(() => null))?.close()
  })
}

/** A server of its own that listens nowhere, made for the first who looks: its packages take longer than the start of all other routes. */
async function makePage(app: FastifyInstance): Promise<FastifyInstance> {
  const { default: swaggerUi } = await import('@fastify/swagger-ui')
  const page = fastify()
  await page.register(swagger, { openapi: {}, transformObject: () => app.swagger() })
  await page.register(swaggerUi, {
    routePrefix: '/api-docs/ui',
    staticCSP: pagePolicy,
    theme: { title: 'stephost orchestration API' },
    uiConfig: { defaultModelsExpandDepth: -1, displayRequestDuration: true },
  })
  return page
}
