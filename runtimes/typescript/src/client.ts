// Tasks over the REST of orchestration. Source of names: handler-api §1.3; of the routes: orchestration-semantics.

import { type Metadata, PermanentError, RetryableError } from './errors.ts'
import { HttpClient, type RequestFields } from './http-client.ts'

const urlDefault = 'http://127.0.0.1:8080'
const path = '/v1/tasks'
const timeoutMs = 30_000

export interface TaskFields {
  readonly name: string
  readonly namespace?: string
  readonly context?: Metadata
  readonly version?: string
  readonly reason?: string
  /** Further fields of a task request: `tags`, `priority` … */
  readonly [field: string]: unknown
}

export interface TaskFilter {
  readonly limit?: number
  readonly offset?: number
  readonly namespace?: string
  readonly status?: string
}

/** Errors of the service reject: PermanentError for 4xx, RetryableError for the rest. */
export class TaskerClient {
  readonly #about: { readonly initiator: string; readonly source_system: string }

  constructor({ initiator = 'stephost', sourceSystem = 'stephost' } = {}) {
    this.#about = { initiator, source_system: sourceSystem }
  }

  createTask(fields: TaskFields): Promise<unknown> {
    const defaults = { namespace: 'default', version: '1.0.0', context: {}, reason: 'created by a TypeScript client' }
    return this.#ask('POST', path, { json: { ...defaults, ...this.#about, ...fields } })
  }

  getTask(taskUuid: string): Promise<unknown> {
    return this.#ask('GET', `${path}/${taskUuid}`)
  }

  listTasks({ limit = 50, offset = 0, ...filter }: TaskFilter = {}): Promise<unknown> {
    return this.#ask('GET', path, { params: { limit, offset, ...filter } })
  }

  cancelTask(taskUuid: string): Promise<unknown> {
    return this.#ask('DELETE', `${path}/${taskUuid}`)
  }

  listTaskSteps(taskUuid: string): Promise<unknown> {
    return this.#ask('GET', `${path}/${taskUuid}/workflow_steps`)
  }

  getStep(taskUuid: string, stepUuid: string): Promise<unknown> {
    return this.#ask('GET', `${path}/${taskUuid}/workflow_steps/${stepUuid}`)
  }

  getStepAuditHistory(taskUuid: string, stepUuid: string): Promise<unknown> {
    return this.#ask('GET', `${path}/${taskUuid}/workflow_steps/${stepUuid}/audit`)
  }

  healthCheck(): Promise<unknown> {
    return this.#ask('GET', '/health')
  }

  async #ask(method: string, place: string, fields: RequestFields = {}): Promise<unknown> {
    const baseUrl = process.env['TASKER_ORCHESTRATION_URL'] ?? urlDefault
    const response = await new HttpClient({ baseUrl, timeoutMs, headers: {} }).request(method, place, fields)
    if (response.ok) return response.body
    const message = `${method} ${place} answered ${response.statusCode}: ${response.excerpt}`
    if (!response.isRetryable) throw new PermanentError(message, `HTTP_${response.statusCode}`)
    throw new RetryableError(message, response.retryAfter === null ? {} : { retryAfter: response.retryAfter })
  }
}
