// A client of the orchestrator's gRPC services over a real connection, with the checked-in protocol files.

import { join } from 'node:path'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { onTestFinished } from 'vitest'
import { packageRoot } from '../../src/config/package-root.ts'

// biome-ignore lint/suspicious/noExplicitAny: a message of any shape.
type Answer = any
type Headers = Readonly<Record<string, string>>

export interface Refused {
  readonly code: string
  readonly details: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export class GrpcClient {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async open(address: string, service: string): Promise<GrpcClient> {
    const root = join(packageRoot(), 'proto')
    const names = ['tasks', 'steps', 'health', 'templates', 'analytics', 'dlq', 'config']
    const files = names.map((name) => `tasker/v1/${name}.proto`)
    const options = { keepCase: true, longs: Number, enums: String, defaults: false, includeDirs: [root] }
    const loaded = loadPackageDefinition(await load(files, options)) as Answer
    const Service = loaded.tasker.v1[service] as ServiceClientConstructor
    const client = new Service(address, credentials.createInsecure())
    onTestFinished(() => client.close())
    return new GrpcClient(client)
  }

  call(method: string, request: object = {}, headers: Headers = {}): Promise<Answer> {
    const unary = (this.#client as Answer)[method] as (...parameters: unknown[]) => void
    return new Promise((resolve, reject) => {
      unary.call(this.#client, request, metadataOf(headers), (error: ServiceError | null, answer: Answer) =>
        error === null ? resolve(answer) : reject(error),
      )
    })
  }

  /** Rejects when the call succeeds. */
  async refused(method: string, request: object = {}, headers: Headers = {}): Promise<Refused> {
    const outcome = await this.call(method, request, headers).catch((error: unknown) => error)
    return refusalOf(outcome)
  }

  /** `ended` gives null when the server said that all is well. */
  stream(method: string, request: object) {
    const call = (this.#client as Answer)[method](request)
    const updates: Answer[] = []
    call.on('data', (update: Answer) => updates.push(update))
    const ended = new Promise<Refused | null>((resolve) => {
      call.on('end', () => resolve(null))
      call.on('error', (error: unknown) => resolve(refusalOf(error)))
    })
    return { updates, ended, cancel: () => call.cancel() }
  }
}

function refusalOf(error: unknown): Refused {
  if (!(error instanceof Error) || !('code' in error)) throw new Error(`not refused: ${JSON.stringify(error)}`)
  const { code, details, metadata } = error as ServiceError
  return { code: status[code] ?? String(code), details, metadata: metadata.getMap() }
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}
