// The registered templates. Source: orchestration-semantics §6.7.

import type { FastifyInstance } from 'fastify'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import { optionalText, readQuery } from './query-string.ts'
import { route, sendDocument, sendFound } from './route.ts'

type TemplateParameters = { Params: { namespace: string; name: string; version: string } }

export function templateRoutes(app: FastifyInstance, { reads }: { reads: OrchestrationReads }): void {
  app.get('/v1/templates', listRoute, async (request, reply) => {
    const { namespace } = readQuery(request.query, { namespace: optionalText })
    return sendDocument(reply, await reads.templates(namespace))
  })
  app.get<TemplateParameters>('/v1/templates/:namespace/:name/:version', getRoute, async (request, reply) => {
    const { namespace, name, version } = request.params
    const storable = ![namespace, name, version].some((part) => part.includes('\0'))
    const found = storable ? await reads.template({ namespace, name, version }) : null
    return sendFound(reply, found, `Template not found: ${namespace}/${name}/${version}`)
  })
}

const common = { permission: 'templates:read', tag: 'templates' } as const
const listRoute = route({
  ...common,
  summary: 'Namespaces and templates',
  ...{ query: { namespace: { type: 'string' } }, errors: [400] },
})
const getRoute = route({ ...common, summary: 'One template', errors: [404] })
