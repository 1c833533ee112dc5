// From what guests write to log records that name the step, where that is known.

import type { StepId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { LogRecord } from '../../model/runtime-adapter.ts'
import type { StepRequest } from '../../model/step-request.ts'
import type { LogMessage } from '../../protocol/messages.ts'
import type { SidecarCall } from './sidecar-call.ts'
import type { SidecarOptions } from './sidecar-options.ts'
import type { SidecarProcess } from './sidecar-process.ts'

export interface GuestLogOptions {
  readonly runtime: SidecarOptions['runtime']
  calls(): Iterable<SidecarCall>
  /** Takes what belongs to no call. */
  log(record: LogRecord): void
}

type Line = Pick<LogRecord, 'stream' | 'level' | 'line' | 'fields' | 'pid'>

const levels = { stdout: 'info', stderr: 'warn' } as const

export class GuestLog {
  readonly #options: GuestLogOptions

  constructor(options: GuestLogOptions) {
    this.#options = options
  }

  /** Of descriptor 1 or 2, which do not say who wrote; when only one step runs there, it is taken for the writer. */
  line(process: SidecarProcess, stream: 'stdout' | 'stderr', text: string): void {
    const line = { stream, level: levels[stream], line: text, fields: null, pid: process.pid }
    const running = [...this.#options.calls()].filter((call) => call.process === process && call.hasStarted)
    const [only] = running
    const [request] = only?.call.requests ?? []
    const known = running.length === 1 && only?.call.requests.length === 1
    if (known && only !== undefined && request !== undefined) only.log(this.#record(line, request))
    else this.#options.log(this.#record(line, null))
  }

  message(process: SidecarProcess, message: LogMessage): void {
    const { step_uuid: step, stream, level, message: text } = message
    const line = { stream, level, line: text, fields: message.fields as JsonText | null, pid: process.pid }
    for (const call of this.#options.calls()) {
      if (step === null || call.process !== process) continue
      const request = call.request(step)
      if (request === null) continue
      call.log(this.#record(line, request))
      return
    }
    this.#options.log({ ...this.#record(line, null), step: step as StepId | null })
  }

  /** A sentence of the host about the runtime. */
  warn(sentence: string): void {
    this.#options.log(this.#record({ stream: 'stderr', level: 'warn', line: sentence, fields: null, pid: null }, null))
  }

  #record(line: Line, request: StepRequest | null): LogRecord {
    return {
      ...line,
      runtime: this.#options.runtime,
      step: request?.stepId ?? null,
      task: request?.taskId ?? null,
      correlationId: request?.correlationId ?? null,
      handler: request?.handler.callable ?? null,
    }
  }
}
