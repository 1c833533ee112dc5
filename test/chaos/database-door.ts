// The way of one process to PostgreSQL: a TCP proxy that knows which backends are the process's, follows a server to its new port, and can swallow answers.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { DroppedStatement } from './schedule.ts'

interface Drop {
  readonly statement: DroppedStatement
  readonly done: () => void
}

export class DatabaseDoor {
  readonly #target: () => URL
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  readonly #upstreams = new Set<Socket>()
  #drop: Drop | null = null

  /** `target` is asked for each connection: a server may come back on another port. */
  constructor(target: () => URL) {
    this.#target = target
    this.#server = createServer((client) => this.#forward(client))
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** The target's URL, by way of this door. */
  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the door is not open')
    const url = new URL(this.#target())
    url.port = String(address.port)
    return url.toString()
  }

  /** As `client_port` of pg_stat_activity names them. */
  backendPorts(): readonly number[] {
    return [...this.#upstreams].flatMap(({ localPort }) => localPort ?? [])
  }

  /** The next such statement is executed, and its connection ends before the answer has passed. Resolves when it has happened. */
  dropAnswer(statement: DroppedStatement): Promise<void> {
    return new Promise((done) => {
      this.#drop = { statement, done }
    })
  }

  /** Nothing is swallowed any more; whoever waits for it goes on. */
  forgetDrop(): void {
    this.#drop?.done()
    this.#drop = null
  }

  async stop(): Promise<void> {
    this.forgetDrop()
    this.#server.close()
    for (const socket of [...this.#clients, ...this.#upstreams]) socket.destroy()
    await once(this.#server, 'close')
  }

  #forward(client: Socket): void {
    const { hostname: host, port } = this.#target()
    const upstream = connect({ host, port: Number(port) })
    const pair = { asked: null as Drop | null }
    client.on('data', (chunk) => {
      // Only one statement is under way on a connection.
      if (this.#drop !== null && chunk.includes(this.#drop.statement)) {
        pair.asked = this.#drop
        this.#drop = null
      }
      passOn(chunk, client, upstream)
    })
    upstream.on('data', (chunk) => {
      if (pair.asked === null) return passOn(chunk, upstream, client)
      // A statement is committed before its answer leaves the server.
      pair.asked.done()
      client.destroy()
    })
    this.#couple(client, upstream)
  }

  #couple(client: Socket, upstream: Socket): void {
    for (const [one, other, kept] of [
      [client, upstream, this.#clients],
      [upstream, client, this.#upstreams],
    ] as const) {
      kept.add(one)
      one.on('error', () => other.destroy())
      one.on('end', () => other.end())
      one.on('close', () => {
        kept.delete(one)
        other.destroy()
      })
    }
  }
}

function passOn(chunk: Buffer, from: Socket, to: Socket): void {
  if (to.destroyed || to.write(chunk)) return
  from.pause()
  to.once('drain', () => from.resume())
}
