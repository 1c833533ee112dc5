// Messages into a guest's socket as frames: those of one turn of the event loop go out in one write, and a full pipe is visible.

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

/** What may wait in this process for a slow guest, beyond one frame. Above the stream's own mark, so its `drain` follows. */
const waitingBytesMax = 262_144

export class FramePipe {
  readonly #options: FramePipeOptions
  #corked = false

  constructor(options: FramePipeOptions) {
    this.#options = options
    options.stream.on('drain', options.roomAgain)
  }

  /** False: the guest reads slower than we write. Calls wait; a cancel may still be written, it is small. */
  get hasRoom(): boolean {
    const { stream } = this.#options
    return stream.writable && stream.writableLength <= waitingBytesMax
  }

  /** @throws HostError FRAME_TOO_LARGE or PROTOCOL_ERROR for this message, RUNTIME_DIED when the pipe is closed. */
  write(message: HostMessage): void {
    const { stream, frameBytesMax } = this.#options
    const frame = encodeFrame(encodePayload(message), frameBytesMax)
    if (!stream.writable) throw new HostError('RUNTIME_DIED', 'The pipe to the runtime is closed.')
    this.#gather()
    stream.write(frame)
  }

  /** A system call for each of many small frames would cost more than the calls themselves. */
  #gather(): void {
    if (this.#corked) return
    this.#corked = true
    const { stream } = this.#options
    stream.cork()
    setImmediate(() => {
      this.#corked = false
      stream.uncork()
    })
  }
}
