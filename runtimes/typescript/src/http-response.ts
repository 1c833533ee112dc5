// What an HTTP service answered. Source of names: handler-api §1.3.

const retryableStatuses: readonly number[] = [408, 429, 500, 502, 503, 504]
const excerptCharacters = 500

export class ApiResponse {
  readonly statusCode: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Parsed where it is JSON, else text. */
  readonly body: unknown
  readonly rawResponse: Response
  readonly #text: string

  private constructor(response: Response, text: string) {
    this.rawResponse = response
    this.statusCode = response.status
    this.headers = Object.fromEntries(response.headers)
    this.#text = text
    this.body = this.#parsed()
  }

  static async of(response: Response): Promise<ApiResponse> {
    return new ApiResponse(response, await response.text())
  }

  get ok(): boolean {
    return this.statusCode >= 200 && this.statusCode < 300
  }

  get isClientError(): boolean {
    return this.statusCode >= 400 && this.statusCode < 500
  }

  get isServerError(): boolean {
    return this.statusCode >= 500
  }

  /** A later try may meet another answer. */
  get isRetryable(): boolean {
    return retryableStatuses.includes(this.statusCode)
  }

  /** Seconds of `Retry-After`, which is a number or a date. */
  get retryAfter(): number | null {
    const text = this.headers['retry-after']
    if (text === undefined) return null
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
    const at = Date.parse(text)
    return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000)
  }

  /** The beginning of the body, for messages. */
  get excerpt(): string {
    return this.#text.slice(0, excerptCharacters)
  }

  toDict(): Record<string, unknown> {
    return { status_code: this.statusCode, headers: this.headers, body: this.body }
  }

  #parsed(): unknown {
    if (!(this.headers['content-type'] ?? '').includes('json') || this.#text === '') return this.#text
    try {
      return JSON.parse(this.#text)
    } catch {
      return this.#text
    }
  }
}
