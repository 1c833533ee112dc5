// Messages into a guest's pipe as frames, with the pipe's back-pressure made visible.

import type { Writable } from 'node:stream'
import { HostError } from '../../model/host-error.ts'
import { encodePayload } from '../../protocol/codec.ts'
import { encodeFrame } from '../../protocol/frames.ts'
import type { HostMessage } from '../../protocol/messages.ts'

export interface FramePipeOptions {
  readonly stream: Writable
  readonly frameBytesMax: number
  /** Called when the pipe has room again after it was full. */
  roomAgain(): void
}

export class FramePipe {
  readonly #options: FramePipeOptions
  #full = false

  constructor(options: FramePipeOptions) {
    this.#options = options
    options.stream.on('drain', () => {
      this.#full = false
      options.roomAgain()
    })
  }

  /** False: the guest reads slower than we write. Calls wait; a cancel may still be written, it is small. */
  get hasRoom(): boolean {
    return !this.#full && this.#options.stream.writable
  }

  /** @throws HostError FRAME_TOO_LARGE or PROTOCOL_ERROR for this message, RUNTIME_DIED when the pipe is closed. */
  write(message: HostMessage): void {
    const frame = encodeFrame(encodePayload(message), this.#options.frameBytesMax)
    if (!this.#options.stream.writable) throw new HostError('RUNTIME_DIED', 'The pipe to the runtime is closed.')
    this.#full = !this.#options.stream.write(frame)
  }
}
