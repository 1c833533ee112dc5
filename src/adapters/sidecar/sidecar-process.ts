// One life of one guest process: spawn, hello, frames both ways, log lines, and an end that is always reaped.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { HostError, messageOf } from '../../model/host-error.ts'
import { Channel } from '../../protocol/channel.ts'
import { decodePayload } from '../../protocol/codec.ts'
import { FrameDecoder } from '../../protocol/frames.ts'
import type { HelloMessage } from '../../protocol/messages.ts'
import { WireError } from '../../protocol/wire-error.ts'
import { FramePipe } from './frame-pipe.ts'
import { guestEnvironment } from './guest-environment.ts'
import { LogLines } from './log-lines.ts'
import type { SidecarOptions } from './sidecar-options.ts'

export interface SidecarProcessEvents {
  line(sidecar: SidecarProcess, text: string): void
  /** The pipe to the guest can take calls again. */
  roomAgain(sidecar: SidecarProcess): void
}

/** From SIGTERM to SIGKILL. */
const killGraceMs = 500
/** How long the pipes may still deliver after the process is gone or closed one of them. */
const drainAfterEndMs = 500
const lineBytesMax = 8192
const linesPerSecondMax = 1000
const lastLinesMax = 5

export class SidecarProcess {
  readonly channel: Channel
  /** Resolves when the process is reaped and every call is settled. Never rejects. */
  readonly exited: Promise<void>
  readonly #options: SidecarOptions
  readonly #events: SidecarProcessEvents
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #pipe: FramePipe
  readonly #decoder: FrameDecoder
  readonly #lastLines: string[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #spawnedAt = performance.now()
  #greeted = false
  #gone = false
  /** Why the host ended it; null while the host has not. */
  #endedBecause: string | null = null

  constructor(options: SidecarOptions, events: SidecarProcessEvents) {
    this.#options = options
    this.#events = events
    const [program = '', ...firstArguments] = options.command
    // A group of its own: a signal to it reaches what handlers have started, and Ctrl-C at the terminal does not reach the guest.
    this.#child = spawn(program, [...firstArguments, ...guestArguments(options)], {
      cwd: options.cwd,
      env: guestEnvironment(options.env, process.env),
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#decoder = new FrameDecoder(options.frameBytesMax)
    this.#pipe = new FramePipe({
      stream: this.#child.stdin,
      frameBytesMax: options.frameBytesMax,
      roomAgain: () => events.roomAgain(this),
    })
    this.channel = new Channel({
      runtime: options.runtime,
      send: (message) => this.#pipe.write(message),
      close: (reason) => this.terminate(reason.message),
    })
    this.exited = this.#watch()
  }

  get pid(): number | null {
    return this.#child.pid ?? null
  }

  get livedMs(): number {
    return Math.round(performance.now() - this.#spawnedAt)
  }

  /** False: calls must wait, for room in the pipe or for the next process. */
  get hasRoom(): boolean {
    return !this.#gone && this.#endedBecause === null && this.channel.closedBy === null && this.#pipe.hasRoom
  }

  /** Resolves with hello. Rejects with HostError when there is none within `startTimeoutMs`, and then nothing is left running. */
  async ready(): Promise<HelloMessage> {
    const { startTimeoutMs } = this.#options
    const timer = this.#after(startTimeoutMs, () => {
      const problem = `did not say hello within ${startTimeoutMs} ms`
      this.channel.fail(new HostError('RUNTIME_UNAVAILABLE', `${this.#name()} ${problem}${this.#lastWords()}`))
    })
    try {
      const hello = await this.channel.hello()
      this.#greeted = true
      return hello
    } catch (error) {
      await this.exited
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the process group: SIGTERM, then SIGKILL. Pending calls settle when it has gone. */
  terminate(because: string): void {
    if (this.#gone || this.#endedBecause !== null) return
    this.#endedBecause = because
    this.#signal('SIGTERM')
    this.#after(killGraceMs, () => this.#signal('SIGKILL'))
  }

  /** The orderly end: shutdown, end of file, and force after `graceMs`. Resolves when the process is reaped. */
  async shutDown(graceMs: number): Promise<void> {
    this.channel.shutdown()
    this.#child.stdin.end()
    this.#after(graceMs, () => this.terminate(`it did not shut down within ${graceMs} ms`))
    await this.exited
  }

  async #watch(): Promise<void> {
    const { stdin, stdout, stderr } = this.#child
    const lines = new LogLines({
      lineBytesMax,
      linesPerSecondMax,
      now: () => performance.now(),
      line: (text) => this.#takeLine(text),
    })
    stderr.on('data', (chunk: Uint8Array) => lines.push(chunk))
    stdout.on('data', (chunk: Uint8Array) => this.#read(chunk))
    stdout.on('end', () => this.#after(drainAfterEndMs, () => this.terminate('it closed its end of the wire')))
    // EPIPE and its like: the guest does not read any more. Its exit says why; a guest that stays without exit is ended.
    stdin.on('error', () => this.#after(drainAfterEndMs, () => this.terminate('it does not read the wire any more')))
    const pipesEnded = Promise.all([ended(stdout), ended(stderr)])

    const fault = await this.#end()
    this.#gone = true
    // What handlers have left behind in the group would keep the pipes open, and would run on without an owner.
    this.#signal('SIGKILL')
    await Promise.race([pipesEnded, new Promise((resolve) => this.#after(drainAfterEndMs, resolve as () => void))])
    for (const timer of this.#timers) clearTimeout(timer)
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
    lines.end()
    this.channel.fail(fault())
  }

  /** Resolves when the process is gone, with the way to say so: last lines may still be on their way. */
  #end(): Promise<() => HostError> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) => {
        const problem = `${this.#name()} cannot be started: ${messageOf(error)}`
        resolve(() => new HostError('RUNTIME_UNAVAILABLE', problem, { cause: error }))
      })
      this.#child.once('exit', (code, signal) => {
        const livedMs = this.livedMs
        resolve(() => {
          const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
          const torn = this.#decoder.incomplete ? ' in the middle of a message' : ''
          const why = this.#endedBecause === null ? '' : ` (${this.#endedBecause})`
          const problem = `${this.#name()} ${how} after ${livedMs} ms${torn}${why}${this.#lastWords()}`
          return new HostError(this.#greeted ? 'RUNTIME_DIED' : 'RUNTIME_UNAVAILABLE', problem)
        })
      })
    })
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const payload of this.#decoder.push(chunk)) this.channel.receive(decodePayload(payload))
      if (this.#decoder.violation !== null) this.channel.violate(this.#decoder.violation)
    } catch (error) {
      this.channel.violate(error instanceof WireError ? error : new WireError('bad_message', messageOf(error)))
    }
  }

  #takeLine(text: string): void {
    this.#lastLines.push(text)
    if (this.#lastLines.length > lastLinesMax) this.#lastLines.shift()
    this.#events.line(this, text)
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid === null) return
    try {
      process.kill(-this.pid, signal)
    } catch {
      // The group is empty: everything in it has ended already.
    }
  }

  /** A timer that dies with the process. */
  #after(delayMs: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(act, delayMs)
    this.#timers.add(timer)
    return timer
  }

  #name(): string {
    const place =
      this.pid === null ? this.#options.command.join(' ') : `process ${this.pid}, ${this.#options.command.join(' ')}`
    return `The ${this.#options.runtime} runtime (${place})`
  }

  #lastWords(): string {
    return this.#lastLines.length === 0 ? '' : `; its last lines: ${this.#lastLines.join(' | ')}`
  }
}

function guestArguments(options: SidecarOptions): string[] {
  return [
    ...options.handlerRoots.flatMap((root) => ['--handlers', root]),
    ...['--max-in-flight', String(options.inFlightMax)],
    ...['--frame-bytes-max', String(options.frameBytesMax)],
  ]
}

function ended(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve))
}
