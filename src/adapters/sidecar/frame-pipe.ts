// Messages into a guest's socket as frames: those of one turn of the event loop go out in one write, and a full pipe is visible.

import type { Writable } from 'node:stream'
import { HostError } from '../../model/host-error.ts'
import { encodePayload } from '../../protocol/codec.ts'
import { encodeFrame, headerBytes, writeFrame } from '../../protocol/frames.ts'
import type { HostMessage } from '../../protocol/messages.ts'

export interface FramePipeOptions {
  readonly stream: Writable
  readonly frameBytesMax: number
  /** Called when the pipe has room again after it was full. */
  roomAgain(): void
}

/** What may wait in this process for a slow guest, beyond one frame. Above the stream's own mark, so its `drain` follows. */
const waitingBytesMax = 262_144
const batchBytesMax = 65_536

export class FramePipe {
  readonly #options: FramePipeOptions
  /** The frames of this turn, side by side: memory and a system call for each small frame would cost more than the calls. */
  #batch: Buffer = Buffer.allocUnsafeSlow(batchBytesMax)
  #filled = 0

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
    const payload = encodePayload(message)
    if (!stream.writable) throw new HostError('RUNTIME_DIED', 'The pipe to the runtime is closed.')
    const frameBytes = headerBytes + payload.length
    if (frameBytes > batchBytesMax) {
      const frame = encodeFrame(payload, frameBytesMax)
      this.flush()
      stream.write(frame)
      return
    }
    if (this.#filled + frameBytes > batchBytesMax) this.flush()
    writeFrame(payload, { into: this.#batch, at: this.#filled, frameBytesMax })
    if (this.#filled === 0) setImmediate(() => this.flush())
    this.#filled += frameBytes
  }

  /** Hands on what has gathered, in order; before the stream is ended, too. */
  flush(): void {
    if (this.#filled === 0) return
    const { stream } = this.#options
    if (stream.writable) stream.write(this.#batch.subarray(0, this.#filled))
    this.#filled = 0
    // What the kernel has not taken yet is still in use.
    if (stream.writableLength > 0) this.#batch = Buffer.allocUnsafeSlow(batchBytesMax)
  }
}
