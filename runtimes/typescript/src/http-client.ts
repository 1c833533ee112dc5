// An HTTP client for handlers on fetch: one base address, JSON in and out, limits on every wait.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { PermanentError, RetryableError } from './errors.ts'
import { ApiResponse } from './http-response.ts'

export interface HttpClientOptions {
  readonly baseUrl: string
  /** Milliseconds for the whole answer. */
  readonly timeoutMs: number
  readonly headers: Readonly<Record<string, string>>
}

export interface RequestFields {
  readonly params?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is. */
  readonly body?: NonNullable<RequestInit['body']>
  /** Sent as JSON. */
  readonly json?: unknown
}

export class HttpClient {
  readonly #options: HttpClientOptions

  constructor(options: HttpClientOptions) {
    this.#options = options
  }

  /** Resolves for every status. Rejects with a RetryableError without an answer, with a PermanentError without an address. */
  async request(method: string, path: string, fields: RequestFields = {}): Promise<ApiResponse> {
    const address = this.#address(path, fields.params ?? {})
    const json = fields.json === undefined ? {} : { 'content-type': 'application/json' }
    const headers = { accept: 'application/json', ...json, ...this.#options.headers, ...fields.headers }
    const body = fields.json === undefined ? fields.body : JSON.stringify(fields.json)
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    try {
      return await ApiResponse.of(
        await fetch(address, { method, headers, signal, ...(body === undefined ? {} : { body }) }),
      )
    } catch (error) {
      const place = `${method} ${address.href}`
      if (signal.aborted) throw new RetryableError(`${place} got no answer in ${this.#options.timeoutMs} ms`, 'TIMEOUT')
      throw new RetryableError(`${place} failed: ${reasonOf(error)}`, 'NO_CONNECTION')
    }
  }

  /** As a multipart form; `fields` are further ones. */
  async upload(
    path: string,
    filePath: string,
    { fieldName = 'file', fields = {} }: { fieldName?: string; fields?: Readonly<Record<string, unknown>> } = {},
  ): Promise<ApiResponse> {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.set(name, String(value))
    form.set(fieldName, new Blob([await readFile(filePath)]), basename(filePath))
    return this.request('POST', path, { body: form })
  }

  #address(path: string, params: Readonly<Record<string, unknown>>): URL {
    const absolute = /^https?:\/\//.test(path)
    const { baseUrl } = this.#options
    if (!absolute && baseUrl === '') {
      throw new PermanentError(`There is no address for "${path}": set \`baseUrl\` of the handler.`)
    }
    const text = absolute ? path : `${baseUrl.replace(/\/$/, '')}/${path.replace(/^\//, '')}`
    if (!URL.canParse(text)) throw new PermanentError(`The address is not valid: ${text}`)
    const address = new URL(text)
    for (const [name, value] of Object.entries(params)) {
      if (value !== undefined && value !== null) address.searchParams.append(name, String(value))
    }
    return address
  }
}

/** fetch hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message
}
