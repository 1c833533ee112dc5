// Calls of HTTP services. Source of names: handler-api §1.3; uploads and pages are named as in Ruby.

import { ErrorType, type Metadata } from './errors.ts'
import { HttpClient, type RequestFields } from './http-client.ts'
import type { ApiResponse } from './http-response.ts'
import { apply, mixed } from './mixed.ts'
import { contextOf } from './step-handler.ts'
import { StepHandlerResult } from './step-result.ts'

type Headers = Readonly<Record<string, string>>
type BodyFields = Omit<RequestFields, 'params'>

/** What a handler class may say of its service. */
interface ApiSettings {
  readonly baseUrl?: string
  /** Milliseconds; 30 s without. */
  readonly defaultTimeout?: number
  readonly defaultHeaders?: Headers
}

const timeoutDefaultMs = 30_000

/**
 * `applyAPI(this)` gives these to any handler; an ApiHandler has them. The address is `baseUrl`, a member of the handler or static, or `url` of
 * the step's `initialization`. No status throws: `apiFailure(response)` makes the failure of it.
 */
export class APIMixin {
  get(path: string, params?: Metadata, headers?: Headers): Promise<ApiResponse> {
    return this.request('GET', path, { params: params ?? {}, headers: headers ?? {} })
  }

  post(path: string, fields: BodyFields = {}): Promise<ApiResponse> {
    return this.request('POST', path, fields)
  }

  put(path: string, fields: BodyFields = {}): Promise<ApiResponse> {
    return this.request('PUT', path, fields)
  }

  patch(path: string, fields: BodyFields = {}): Promise<ApiResponse> {
    return this.request('PATCH', path, fields)
  }

  delete(path: string, headers?: Headers): Promise<ApiResponse> {
    return this.request('DELETE', path, { headers: headers ?? {} })
  }

  request(method: string, path: string, fields: RequestFields = {}): Promise<ApiResponse> {
    return clientOf(this).request(method, path, fields)
  }

  /** As a multipart form. */
  apiUploadFile(
    path: string,
    filePath: string,
    fieldName = 'file',
    additionalFields: Metadata = {},
  ): Promise<ApiResponse> {
    return clientOf(this).upload(path, filePath, { fieldName, fields: additionalFields })
  }

  /** Page after page, while the answer is a success and names the next one (`next_cursor`). */
  async *apiPaginatedRequest(
    path: string,
    { method = 'GET', paginationKey = 'cursor', limitKey = 'limit', maxPages = 100, limit }: PageOptions = {},
  ): AsyncGenerator<ApiResponse, void> {
    let params: Metadata = limit === undefined ? {} : { [limitKey]: limit }
    for (let page = 0; page < maxPages; page += 1) {
      const response = await this.request(method, path, { params })
      yield response
      const cursor = nextCursor(response, paginationKey)
      if (cursor === null) return
      params = { ...params, [paginationKey]: cursor }
    }
  }

  /** `result` is the step's result, by default the body; status and headers go to the metadata. */
  apiSuccess(response: ApiResponse, result?: unknown, includeResponse = true): StepHandlerResult {
    const about = includeResponse ? { status_code: response.statusCode, headers: response.headers } : {}
    return StepHandlerResult.success(result === undefined ? response.body : result, about)
  }

  /** Retryable by its status, after `Retry-After` where the service says so. */
  apiFailure(response: ApiResponse, message?: string): StepHandlerResult {
    const { statusCode, isRetryable, retryAfter } = response
    const wait = retryAfter === null ? null : ({ backoff_type: 'ServerRequested', delay_seconds: retryAfter } as const)
    return new StepHandlerResult({
      success: false,
      errorMessage: message ?? `The service answered ${statusCode}: ${response.excerpt}`,
      errorType: isRetryable ? ErrorType.RETRYABLE_ERROR : ErrorType.PERMANENT_ERROR,
      errorCode: `HTTP_${statusCode}`,
      retryable: isRetryable,
      metadata: { status_code: statusCode },
      orchestrationMetadata: wait === null ? null : { backoff_hint: wait },
    })
  }

  /** `context` says what was asked. */
  connectionError(error: unknown, context?: string): StepHandlerResult {
    return StepHandlerResult.failure(text('No connection', error, context), 'connection_error', true)
  }

  timeoutError(error: unknown, context?: string): StepHandlerResult {
    return StepHandlerResult.failure(text('No answer in time', error, context), ErrorType.TIMEOUT, true)
  }
}

export interface PageOptions {
  readonly method?: string
  readonly paginationKey?: string
  readonly limitKey?: string
  readonly maxPages?: number
  readonly limit?: number
}

/** A step that asks an HTTP service. */
export abstract class ApiHandler extends mixed(APIMixin, 'api') {}

export function applyAPI<Target extends object>(target: Target): Target & APIMixin {
  return apply(target, APIMixin)
}

/** Made for each request: there is nothing to keep open, and the settings may change. */
function clientOf(handler: object): HttpClient {
  const own: ApiSettings = handler
  const declared = handler.constructor as ApiSettings
  const configured = contextOf(handler)?.getConfig<string>('url')
  return new HttpClient({
    baseUrl: own.baseUrl ?? declared.baseUrl ?? configured ?? '',
    timeoutMs: own.defaultTimeout ?? declared.defaultTimeout ?? timeoutDefaultMs,
    headers: own.defaultHeaders ?? declared.defaultHeaders ?? {},
  })
}

function text(what: string, error: unknown, context: string | undefined): string {
  const where = context === undefined ? '' : ` (${context})`
  return `${what}${where}: ${error instanceof Error ? error.message : String(error)}`
}

function nextCursor({ ok, body }: ApiResponse, paginationKey: string): unknown {
  if (!ok || typeof body !== 'object' || body === null) return null
  const { pagination, meta } = body as { pagination?: unknown; meta?: unknown }
  for (const place of [body, pagination, meta]) {
    if (typeof place !== 'object' || place === null) continue
    const cursor: unknown = Reflect.get(place, `next_${paginationKey}`) ?? Reflect.get(place, 'next_cursor')
    if (cursor !== undefined && cursor !== null) return cursor
  }
  return null
}
