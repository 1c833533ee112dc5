// One HTTP server with the rules that all our REST APIs share: limits, error bodies, the address, an orderly end.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type AuthSettings, authOff } from '../../model/auth.ts'
import { HostError, messageOf } from '../../model/host-error.ts'
import type { Lifecycle } from '../../model/lifecycle.ts'
import { Authenticator } from '../auth/authenticator.ts'
import { requirePermissions } from '../auth/rest-auth.ts'
import { Refusal, refusalOf } from './refusal.ts'

export interface RestServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0: the system chooses; see `address`. */
  readonly port: number
  readonly routes: (app: FastifyInstance) => void | Promise<void>
  /** Told of answers with a status of 500 and above; not of those that say that there is too much to do. */
  readonly onFault: (error: unknown, requestId?: string) => void
  /** A sentence about something that works and should not be left so. */
  readonly onWarning?: (message: string) => void
  /** Default: everybody may do everything. */
  readonly auth?: AuthSettings
  readonly bodyBytesMax?: number
  /** For receiving a request, and for answering it: whoever waits longer gets 408. Streams of events are not bound by it. Default 30 s. */
  readonly requestTimeoutMs?: number
  /** How long requests under way may take at the end. */
  readonly stopGraceMs?: number
}

/** A context of 1 MiB and room for what is around it. */
const bodyBytesMaxDefault = 2_097_152
const requestTimeoutDefaultMs = 30_000
const stopGraceDefaultMs = 5_000

export class RestServer implements Lifecycle {
  readonly #options: RestServerOptions
  #app: FastifyInstance | null = null

  constructor(options: RestServerOptions) {
    this.#options = options
  }

  /** `http://host:port`; null while it does not listen. */
  get address(): string | null {
    const bound = this.#app?.server.address()
    if (bound === null || bound === undefined || typeof bound === 'string') return null
    return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
  }

  /** Rejects with ADDRESS_IN_USE, or CONFIG_INVALID when the address is not one of this machine or the keys of `auth` cannot be read. */
  async start(): Promise<void> {
    if (this.#app !== null) return
    const { host = '127.0.0.1', port, auth = authOff, onWarning = () => {} } = this.#options
    const app = await this.#build(await Authenticator.open(auth, onWarning))
    if (!auth.enabled && !isLoopback(host)) {
      const address = `${host}:${port}`
      onWarning(
        `REST listens on ${address} without authentication: whoever reaches it may do everything; see ${auth.table}.enabled`,
      )
    }
    try {
      await app.listen({ host, port })
    } catch (error) {
      await app.close()
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (taken) throw new HostError('ADDRESS_IN_USE', `${host}:${port} is taken by another process`, { cause: error })
      const message = `cannot listen on ${host}:${port}: ${messageOf(error)}`
      throw new HostError('CONFIG_INVALID', message, { cause: error })
    }
    this.#app = app
  }

  async stop(): Promise<void> {
    const app = this.#app
    if (app === null) return
    this.#app = null
    const cut = setTimeout(() => app.server.closeAllConnections(), this.#options.stopGraceMs ?? stopGraceDefaultMs)
    await app.close().catch(this.#options.onFault)
    clearTimeout(cut)
  }

  async #build(authenticator: Authenticator): Promise<FastifyInstance> {
    const { routes, onFault } = this.#options
    const answer = (error: unknown, { id }: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const refusal = refusalOf(error)
      if (refusal.statusCode >= 500 && refusal.code !== 'BACKPRESSURE') onFault(error, id)
      if (refusal.retryAfterS !== null) void reply.header('Retry-After', refusal.retryAfterS)
      const { code, message, retryAfterS } = refusal
      // Source: orchestration-semantics §6.1.
      const wait = code === 'BACKPRESSURE' ? { retry_after_seconds: retryAfterS } : {}
      return reply.code(refusal.statusCode).send({ error: { code, message, ...wait } })
    }
    const { bodyBytesMax = bodyBytesMaxDefault, requestTimeoutMs = requestTimeoutDefaultMs } = this.#options
    const app = fastify({
      ...{ bodyLimit: bodyBytesMax, requestTimeout: requestTimeoutMs },
      genReqId: requestIdOf,
      frameworkErrors: (error, request, reply) => {
        tellRequestId(request, reply)
        answer(error, request, reply)
      },
    })
    // The body stays text: what is stored of it must be what the client wrote (design D13).
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    app.setErrorHandler(answer)
    app.setNotFoundHandler((request, reply) =>
      answer(new Refusal(404, 'NOT_FOUND', 'Resource not found'), request, reply),
    )
    // Schemas describe; requests are checked by the routes, which say what is wrong in our own shape, and documents go out as they are.
    app.setValidatorCompiler(() => () => true)
    app.setSerializerCompiler(() => (value) => JSON.stringify(value))
    app.addHook('onRequest', (request, reply, done) => {
      tellRequestId(request, reply)
      done()
    })
    limitAnswers(app, requestTimeoutMs)
    requirePermissions(app, authenticator)
    await routes(app)
    return app
  }
}

const requestIdHeader = 'x-request-id'
/** Printable and short: it goes into headers and logs as the client wrote it. */
const requestIdPattern = /^[\x21-\x7e]{1,128}$/

function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const brought = headers[requestIdHeader]
  return typeof brought === 'string' && requestIdPattern.test(brought) ? brought : randomUUID()
}

/** On the answer below Fastify's, so that streams have it too. Source: orchestration-semantics §6.1. */
function tellRequestId({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.raw.setHeader(requestIdHeader, id)
}

/** Fastify's own `handlerTimeout` forgets about requests whose body it has read. Source: orchestration-semantics §6.1. */
function limitAnswers(app: FastifyInstance, answerMaxMs: number): void {
  app.addHook('onRequest', (_request, reply, done) => {
    const timer = setTimeout(() => {
      if (reply.sent || reply.raw.headersSent) return
      reply.send(new Refusal(408, 'TIMEOUT', 'The request took too long; what it asks for may still take place'))
    }, answerMaxMs)
    reply.raw.once('close', () => clearTimeout(timer))
    done()
  })
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
