// tasker.v1.DlqService: the dead letters of REST as calls. Source: orchestration-semantics §6.9, §7.

import type { JsonText } from '../../model/json-text.ts'
import { rawElements, rawMember } from '../../model/raw-member.ts'
import { type DlqParts, deadLetters } from '../rest/dlq-routes.ts'
import type { Message, Service } from './method.ts'
import { documentFields, jsonObject, sentDocument, sentMessage, withTimes } from './protobuf-document.ts'
import { sentQuery, sentText } from './sent-fields.ts'

export function dlqService(parts: DlqParts): Service {
  const letters = deadLetters(parts)
  const read = (answer: (request: Message) => Promise<Message>) => ({ permission: 'dlq:read', answer }) as const
  const list = (text: JsonText, message = entryMessage) => rawElements(text).map(message)
  return {
    name: 'tasker.v1.DlqService',
    file: 'tasker/v1/dlq.proto',
    methods: {
      ListEntries: read(async (request) => ({ entries: list(await letters.entries(sentQuery(withStatus(request)))) })),
      GetEntryByTask: read(async (request) => entryMessage(await letters.entryOf(sentText(request, 'task_uuid')))),
      UpdateInvestigation: {
        permission: 'dlq:update',
        answer: (request) => letters.change(sentText(request, 'dlq_entry_uuid'), changeBody(request)),
      },
      GetStats: {
        permission: 'dlq:stats',
        answer: async (request) => ({ stats: list(await letters.stats(sentQuery(request)), fieldsMessage) }),
      },
      GetInvestigationQueue: read(async (request) => ({
        entries: list(await letters.investigationQueue(sentQuery(request)), fieldsMessage),
      })),
      GetStalenessMonitoring: read(async (request) => ({
        entries: list(await letters.staleness(sentQuery(request)), fieldsMessage),
      })),
    },
  }
}

const statusPrefix = 'DLQ_RESOLUTION_STATUS_'
const times = ['dlq_timestamp', 'resolution_timestamp', 'oldest_entry', 'newest_entry']

/** The enum of the request as REST's word; unspecified is not sent. */
function withStatus({ resolution_status: status, ...fields }: Message): Message {
  if (status === undefined || status === `${statusPrefix}UNSPECIFIED`) return fields
  return { ...fields, resolution_status: String(status).replace(statusPrefix, '').toLowerCase() }
}

function changeBody(request: Message): JsonText {
  const { dlq_entry_uuid: _, metadata: __, metadata_json, ...fields } = request
  const struct = sentMessage(request, 'metadata')
  const metadata = sentDocument('metadata', struct === null ? null : { structValue: struct }, metadata_json)
  return jsonObject(withStatus(fields), { metadata })
}

function entryMessage(text: JsonText): Message {
  const { task_snapshot: _, metadata: __, ...fields } = JSON.parse(text) as Message
  const document = (name: string) => documentFields(name, rawMember(text, name))
  return { ...enumerated(fields), ...document('task_snapshot'), ...document('metadata') }
}

function fieldsMessage(text: JsonText): Message {
  return enumerated(JSON.parse(text))
}

function enumerated(fields: Message): Message {
  const { dlq_reason: reason, resolution_status: status } = fields
  return {
    ...withTimes(fields, times),
    ...(typeof reason === 'string' ? { dlq_reason: `DLQ_REASON_${constantCase(reason)}` } : {}),
    ...(typeof status === 'string' ? { resolution_status: `${statusPrefix}${constantCase(status)}` } : {}),
  }
}

/** `StalenessTimeout` → `STALENESS_TIMEOUT`. */
function constantCase(pascal: string): string {
  return pascal.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
}
