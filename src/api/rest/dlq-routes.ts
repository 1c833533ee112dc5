// Dead letters: reads, and what an investigation notes down. The task itself goes on only where `redrive` asks for it. Source: orchestration-semantics §6.9.

import type { FastifyInstance } from 'fastify'
import type { JsonText } from '../../model/json-text.ts'
import {
  type DlqChangeAnswer,
  type DlqResolution,
  dlqResolutions,
  type OrchestrationReads,
  type StalenessLimits,
} from '../../model/orchestration-reads.ts'
import type { RedriveAnswer, RedriveService } from '../../model/redrive.ts'
import { readDlqRequest, resolutionOf } from './dlq-request.ts'
import { integer, type Parameter, readQuery } from './query-string.ts'
import { Refusal } from './refusal.ts'
import { checkedUuid, found, route, sendDocument } from './route.ts'

const offsetMax = 100_000_000

export interface DlqParts {
  readonly reads: OrchestrationReads
  readonly stalenessLimits: StalenessLimits
  readonly redrives: RedriveService | null
}

/** What is done with dead letters by the query or the body of a request, for all APIs. All reject with a Refusal. */
export function deadLetters({ reads, stalenessLimits, redrives }: DlqParts) {
  return {
    entries: async (query: unknown): Promise<JsonText> => {
      const shape = { resolution_status: resolution, limit: integer(1, 1000, 50), offset: integer(0, offsetMax, 0) }
      const { resolution_status: status, limit, offset } = readQuery(query, shape)
      return reads.dlqEntries({ status, limit, offset })
    },
    entryOf: async (task: string): Promise<JsonText> => found(await reads.dlqEntryOf(checkedUuid(task))),
    change: async (entry: string, body: unknown) => {
      const entryId = checkedUuid(entry)
      const { change, redrive } = readDlqRequest(body)
      const message = redrive
        ? redriven(await services(redrives).redrive(entryId, change))
        : changed(await reads.changeDlqEntry(entryId, change))
      return { success: true, message, dlq_entry_uuid: entryId }
    },
    stats: async (query: unknown): Promise<JsonText> => {
      readQuery(query, {})
      return reads.dlqStats()
    },
    investigationQueue: async (query: unknown): Promise<JsonText> =>
      reads.investigationQueue(readQuery(query, { limit: integer(1, 1000, 100) }).limit),
    staleness: async (query: unknown): Promise<JsonText> => {
      const { limit } = readQuery(query, { limit: integer(1, 1000, 100) })
      return reads.staleness({ limit, limits: stalenessLimits })
    },
  }
}

export function dlqRoutes(app: FastifyInstance, parts: DlqParts): void {
  const letters = deadLetters(parts)
  app.get('/v1/dlq', listRoute, async (request, reply) => sendDocument(reply, await letters.entries(request.query)))
  app.get<{ Params: { task: string } }>('/v1/dlq/task/:task', taskRoute, async (request, reply) =>
    sendDocument(reply, await letters.entryOf(request.params.task)),
  )
  app.patch<{ Params: { entry: string } }>('/v1/dlq/entry/:entry', changeRoute, async (request) =>
    letters.change(request.params.entry, request.body),
  )
  app.get('/v1/dlq/stats', statsRoute, async (request, reply) =>
    sendDocument(reply, await letters.stats(request.query)),
  )
  app.get('/v1/dlq/investigation-queue', queueRoute, async (request, reply) =>
    sendDocument(reply, await letters.investigationQueue(request.query)),
  )
  app.get('/v1/dlq/staleness', stalenessRoute, async (request, reply) =>
    sendDocument(reply, await letters.staleness(request.query)),
  )
}

function services(redrives: RedriveService | null): RedriveService {
  if (redrives === null) throw new Refusal(503, 'SERVICE_UNAVAILABLE', 'This server redrives no tasks')
  return redrives
}

function changed(answer: DlqChangeAnswer): string {
  if (answer === 'missing' || answer === 'invalid') throw refused(answer)
  if (answer === 'pending') throw new Refusal(409, 'CONFLICT', 'The task has another entry that is pending')
  return 'The entry was updated'
}

function redriven(answer: RedriveAnswer): string {
  switch (answer.status) {
    case 'redriven':
      return `The entry is resolved and the task goes on; steps that may run again: ${answer.steps}`
    case 'resolved':
      throw new Refusal(
        409,
        'CONFLICT',
        'The entry is resolved already; set it to pending first if the task shall go on again',
      )
    case 'finished':
      throw new Refusal(409, 'CONFLICT', `Nothing leads on: the task is ${answer.state}`)
    default:
      throw refused(answer.status)
  }
}

function refused(answer: 'missing' | 'invalid'): Refusal {
  return answer === 'missing'
    ? new Refusal(404, 'NOT_FOUND', 'Resource not found')
    : new Refusal(400, 'BAD_REQUEST', 'metadata holds what PostgreSQL cannot store')
}

const resolution: Parameter<DlqResolution | null> = (text) => (text === null ? null : resolutionOf(text, 400))

const common = { permission: 'dlq:read', tag: 'dlq' } as const
const limit = { type: 'integer', minimum: 1, maximum: 1000 }
const list = { type: 'array', items: { type: 'object' } }
const listRoute = route({
  ...common,
  summary: 'Entries, newest first',
  query: {
    resolution_status: { type: 'string', enum: dlqResolutions },
    limit,
    offset: { type: 'integer', minimum: 0 },
  },
  ...{ answer: list, errors: [400] },
})
const taskRoute = route({ ...common, summary: 'The latest entry of a task', errors: [400, 404] })
const changeRoute = route({
  ...{
    permission: 'dlq:update',
    tag: 'dlq',
    summary: 'Note down what an investigation found, or with redrive let the task go on',
    errors: [400, 404, 409, 422],
  },
  body: {
    type: 'object',
    properties: {
      resolution_status: { type: 'string' },
      resolution_notes: { type: 'string' },
      resolved_by: { type: 'string', maxLength: 255 },
      metadata: { type: 'object' },
      redrive: { type: 'boolean', description: 'Resolves the entry; steps that have not succeeded may run again' },
    },
  },
})
const statsRoute = route({ permission: 'dlq:stats', tag: 'dlq', summary: 'Counts by reason', answer: list })
const queueRoute = route({
  ...common,
  summary: 'Pending entries, the most urgent first',
  query: { limit },
  answer: list,
  errors: [400],
})
const stalenessRoute = route({
  ...common,
  summary: 'Tasks by how near they are to their limit',
  query: { limit },
  answer: list,
  errors: [400],
})
