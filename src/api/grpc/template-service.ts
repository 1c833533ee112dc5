// tasker.v1.TemplateService: the template routes of REST as calls. Source: orchestration-semantics §6.7, §7.

import type { JsonText } from '../../model/json-text.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import { rawElements, rawMember } from '../../model/raw-member.ts'
import { registeredTemplates } from '../rest/template-routes.ts'
import type { Message, Service } from './method.ts'
import { documentFields } from './protobuf-document.ts'
import { sentQuery, sentText } from './sent-fields.ts'

export function templateService(reads: OrchestrationReads): Service {
  const templates = registeredTemplates(reads)
  return {
    name: 'tasker.v1.TemplateService',
    file: 'tasker/v1/templates.proto',
    methods: {
      ListTemplates: {
        permission: 'templates:read',
        answer: async (request) => JSON.parse(await templates.list(sentQuery(request))),
      },
      GetTemplate: {
        permission: 'templates:read',
        answer: async (request) => {
          const sent = (field: string) => sentText(request, field)
          const name = { namespace: sent('namespace'), name: sent('name'), version: sent('version') }
          return templateMessage(await templates.one(name))
        },
      },
    },
  }
}

function templateMessage(text: JsonText): Message {
  const { configuration: _, ...fields } = JSON.parse(text) as Message
  return { ...fields, steps: rawElements(rawMember(text, 'steps') ?? '[]').map(stepMessage) }
}

function stepMessage(text: JsonText): Message {
  const { result_schema: _, ...fields } = JSON.parse(text) as Message
  return { ...fields, ...documentFields('result_schema', rawMember(text, 'result_schema')) }
}
