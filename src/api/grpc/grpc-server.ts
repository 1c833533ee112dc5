// One gRPC server with the rules that its services share: limits, authentication, the address, an orderly end.

import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import { type AuthSettings, authOff } from '../../model/auth.ts'
import { HostError, messageOf } from '../../model/host-error.ts'
import type { Lifecycle } from '../../model/lifecycle.ts'
import { endsWithin } from '../../model/time-limit.ts'
import { Authenticator } from '../auth/authenticator.ts'
import { isLoopback } from '../rest/rest-server.ts'
import { handler, type Service } from './method.ts'
import { loadHealthFile, loadProtoFiles, serviceOf } from './proto-files.ts'

export interface GrpcServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0: the system chooses; see `address`. */
  readonly port: number
  /** The directory of the protocol files. */
  readonly protoRoot: string
  readonly services: readonly Service[]
  /** Told of calls that fail by the server's fault. */
  readonly onFault: (error: unknown) => void
  /** A sentence about something that works and should not be left so. */
  readonly onWarning?: (message: string) => void
  /** Default: everybody may do everything. */
  readonly auth?: AuthSettings
  /** Default true, as `health`: open to everybody, they tell names and that the server serves. */
  readonly reflection?: boolean
  readonly health?: boolean
  readonly keepaliveIntervalMs?: number
  readonly keepaliveTimeoutMs?: number
  readonly callsPerConnectionMax?: number
  readonly messageBytesMax?: number
  /** How long calls under way may take at the end. */
  readonly stopGraceMs?: number
}

/** A context of 1 MiB and room for what is around it, as for REST. */
const messageBytesMaxDefault = 2_097_152
const stopGraceDefaultMs = 2_000

export class GrpcServer implements Lifecycle {
  readonly #options: GrpcServerOptions
  #running: { server: Server; health: HealthImplementation | null; ending: AbortController; port: number } | null = null

  constructor(options: GrpcServerOptions) {
    this.#options = options
  }

  /** `host:port`; null while it does not listen. */
  get address(): string | null {
    return this.#running === null ? null : hostPort(this.#options.host, this.#running.port)
  }

  /** Rejects with ADDRESS_IN_USE, or CONFIG_INVALID when the address is not one of this machine or the keys of `auth` cannot be read. */
  async start(): Promise<void> {
    if (this.#running !== null) return
    const { host = '127.0.0.1', port, auth = authOff, onWarning = () => {} } = this.#options
    // The package writes to stderr what it also reports; who asks for it by its variable gets it.
    if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)
    const ending = new AbortController()
    const { server, health } = await this.#build(await Authenticator.open(auth, onWarning), ending.signal)
    const address = hostPort(host, port)
    try {
      this.#running = { server, health, ending, port: await listen(server, address) }
    } catch (error) {
      server.forceShutdown()
      const message = messageOf(error)
      if (message.includes('EADDRINUSE')) {
        throw new HostError('ADDRESS_IN_USE', `${address} is taken by another process`, { cause: error })
      }
      throw new HostError('CONFIG_INVALID', `cannot listen on ${address}: ${message}`, { cause: error })
    }
    if (!auth.enabled && !isLoopback(host)) {
      onWarning(
        `gRPC listens on ${address} without authentication: whoever reaches it may do everything; see ${auth.table}.enabled`,
      )
    }
  }

  /** Streams are told to come again, calls under way may end, and then all connections are closed. */
  async stop(): Promise<void> {
    if (this.#running === null) return
    const { server, health, ending } = this.#running
    this.#running = null
    for (const name of this.#healthNames()) health?.setStatus(name, 'NOT_SERVING')
    ending.abort()
    const stopped = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    if (!(await endsWithin(stopped, this.#options.stopGraceMs ?? stopGraceDefaultMs))) server.forceShutdown()
    await stopped
  }

  async #build(authenticator: Authenticator, ending: AbortSignal) {
    const { services, protoRoot, onFault, reflection = true } = this.#options
    // Only those: reflection shows what is served.
    const files = await loadProtoFiles(
      protoRoot,
      services.map(({ file }) => file),
    )
    const server = new Server(channelOptions(this.#options))
    for (const { name, methods } of services) {
      const handlers = Object.entries(methods).map(([method, description]) => [
        method,
        handler(description, { authenticator, onFault, ending }),
      ])
      server.addService(serviceOf(files, name), Object.fromEntries(handlers))
    }
    const health =
      this.#options.health === false
        ? null
        : new HealthImplementation(Object.fromEntries(this.#healthNames().map((name) => [name, 'SERVING'])))
    health?.addToServer(server)
    if (reflection) {
      const shown = health === null ? files : { ...files, ...(await loadHealthFile()) }
      new ReflectionService(shown).addToServer(server)
    }
    return { server, health }
  }

  /** The empty name is the server as a whole. */
  #healthNames(): readonly string[] {
    return ['', ...this.#options.services.map(({ name }) => name)]
  }
}

function channelOptions(options: GrpcServerOptions) {
  const bytesMax = options.messageBytesMax ?? messageBytesMaxDefault
  return {
    'grpc.max_receive_message_length': bytesMax,
    'grpc.keepalive_time_ms': options.keepaliveIntervalMs ?? 30_000,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? 20_000,
    'grpc.max_concurrent_streams': options.callsPerConnectionMax ?? 1_000,
  }
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}

function hostPort(host = '127.0.0.1', port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
