// Server-sent events on open answers: one owner that keeps them alive, drops those that do not read, and ends all at the end.

import type { ServerResponse } from 'node:http'

/** A client that reads nothing for so many heartbeats is dropped; it can come back with its last event. */
const deafHeartbeatsMax = 4

export class EventStreams {
  readonly #heartbeatMs: number
  readonly #streams = new Set<EventStream>()
  #heartbeat: NodeJS.Timeout | null = null

  constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs
  }

  /** Nothing is sent before it is opened. */
  make(response: ServerResponse): EventStream {
    return new EventStream(response, {
      opened: (stream) => {
        this.#streams.add(stream)
        this.#heartbeat ??= setInterval(() => this.#beat(), this.#heartbeatMs)
      },
      closed: (stream) => {
        this.#streams.delete(stream)
        if (this.#streams.size === 0) this.#stopBeating()
      },
    })
  }

  close(): void {
    for (const stream of [...this.#streams]) stream.end()
    this.#stopBeating()
  }

  #beat(): void {
    for (const stream of [...this.#streams]) stream.beat()
  }

  #stopBeating(): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat)
    this.#heartbeat = null
  }
}

interface Owner {
  opened(stream: EventStream): void
  closed(stream: EventStream): void
}

export class EventStream {
  readonly #response: ServerResponse
  readonly #owner: Owner
  #isOpen = false
  #deafHeartbeats = 0

  constructor(response: ServerResponse, owner: Owner) {
    this.#response = response
    this.#owner = owner
  }

  /** `closed` is called once, whoever ends it. */
  open(closed: () => void): void {
    if (this.#response.destroyed) {
      closed()
      return
    }
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    this.#response.writeHead(200, headers)
    this.#response.flushHeaders()
    this.#isOpen = true
    this.#owner.opened(this)
    this.#response.on('error', () => {})
    this.#response.once('close', () => {
      this.#isOpen = false
      this.#owner.closed(this)
      closed()
    })
  }

  isReady(): boolean {
    return this.#isOpen && !this.#response.writableNeedDrain
  }

  write(id: string, event: string, data: object): void {
    if (this.#isOpen) this.#response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  beat(): void {
    if (!this.#response.writableNeedDrain) {
      this.#deafHeartbeats = 0
      this.#response.write(': still here\n\n')
      return
    }
    this.#deafHeartbeats += 1
    if (this.#deafHeartbeats >= deafHeartbeatsMax) this.#response.destroy()
  }

  end(): void {
    this.#response.end()
  }
}
