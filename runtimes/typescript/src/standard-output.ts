// What handlers print becomes log lines, each tagged with the step whose code printed it.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { LogSink } from './log-sink.ts'

type Stream = 'stdout' | 'stderr'

/** A line without an end is passed on in pieces of this size. */
const lineCharactersMax = 8192
const levels = { stdout: 'info', stderr: 'warn' } as const

export class StandardOutput {
  readonly #steps = new AsyncLocalStorage<string>()
  readonly #sink: LogSink
  readonly #partial = new Map<string, { stream: Stream; step: string | null; text: string }>()

  constructor(sink: LogSink) {
    this.#sink = sink
  }

  /** Takes over `process.stdout` and `process.stderr` of this thread, and with them the console. */
  install(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      process[stream].write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
        this.write(stream, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))
        const done = rest.findLast((argument) => typeof argument === 'function') as (() => void) | undefined
        if (done !== undefined) queueMicrotask(done)
        return true
      }
    }
  }

  /** Runs a step's code; what it prints, also from its timers and promises, carries the step's id. */
  async during<T>(step: string, run: () => Promise<T>): Promise<T> {
    return this.#steps.run(step, async () => {
      try {
        return await run()
      } finally {
        this.flush(step)
      }
    })
  }

  write(stream: Stream, text: string): void {
    const step = this.#steps.getStore() ?? null
    const key = `${stream} ${step}`
    const lines = `${this.#partial.get(key)?.text ?? ''}${text}`.split('\n')
    const last = lines.pop() ?? ''
    for (const line of lines) this.#send(stream, line, step)
    if (last.length > lineCharactersMax) this.#send(stream, last, step)
    else if (last !== '') this.#partial.set(key, { stream, step, text: last })
    if (last === '' || last.length > lineCharactersMax) this.#partial.delete(key)
  }

  /** Sends what a step, or with null the thread, printed without a line end. */
  flush(step: string | null): void {
    for (const [key, partial] of this.#partial) {
      if (partial.step !== step) continue
      this.#partial.delete(key)
      this.#send(partial.stream, partial.text, step)
    }
  }

  flushAll(): void {
    for (const { step } of [...this.#partial.values()]) this.flush(step)
  }

  #send(stream: Stream, message: string, step: string | null): void {
    this.#sink.write({ step_uuid: step, stream, level: levels[stream], message, fields: null })
  }
}
