// The registered templates. Source: orchestration-semantics §6.7.

import type { FastifyInstance } from 'fastify'
import type { JsonText } from '../../model/json-text.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import { optionalText, readQuery } from './query-string.ts'
import { found, route, sendDocument } from './route.ts'

interface TemplateName {
  readonly namespace: string
  readonly name: string
  readonly version: string
}

/** What is read of templates, for all APIs. Both reject with a Refusal. */
export function registeredTemplates(reads: OrchestrationReads) {
  return {
    list: async (query: unknown): Promise<JsonText> =>
      reads.templates(readQuery(query, { namespace: optionalText }).namespace),
    one: async ({ namespace, name, version }: TemplateName): Promise<JsonText> => {
      const storable = ![namespace, name, version].some((part) => part.includes('\0'))
      const template = storable ? await reads.template({ namespace, name, version }) : null
      return found(template, `Template not found: ${namespace}/${name}/${version}`)
    },
  }
}

export function templateRoutes(app: FastifyInstance, { reads }: { reads: OrchestrationReads }): void {
  const templates = registeredTemplates(reads)
  app.get('/v1/templates', listRoute, async (request, reply) =>
    sendDocument(reply, await templates.list(request.query)),
  )
  app.get<{ Params: TemplateName }>('/v1/templates/:namespace/:name/:version', getRoute, async (request, reply) =>
    sendDocument(reply, await templates.one(request.params)),
  )
}

const common = { permission: 'templates:read', tag: 'templates' } as const
const listRoute = route({
  ...common,
  summary: 'Namespaces and templates',
  ...{ query: { namespace: { type: 'string' } }, errors: [400] },
})
const getRoute = route({ ...common, summary: 'One template', errors: [404] })
