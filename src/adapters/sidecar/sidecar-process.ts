// One life of one guest process: spawn, hello, frames both ways, log lines, the watch, and an end that is always reaped.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { HostError, messageOf } from '../../model/host-error.ts'
import type { HandlerCall } from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { type CallObserver, Channel } from '../../protocol/channel.ts'
import { decodePayload } from '../../protocol/codec.ts'
import { FrameDecoder } from '../../protocol/frames.ts'
import type { HelloMessage, LogMessage } from '../../protocol/messages.ts'
import { handlerNames } from '../../protocol/step-envelope.ts'
import { WireError } from '../../protocol/wire-error.ts'
import { blamesHandlers, type Death, deathSentence, type EndReason } from './death.ts'
import { FramePipe } from './frame-pipe.ts'
import { guestArguments, watchDescriptor, wireDescriptor } from './guest-arguments.ts'
import { guestEnvironment } from './guest-environment.ts'
import { GuestOutput } from './guest-output.ts'
import { GuestWatch } from './guest-watch.ts'
import { oomKills, rssBytes } from './process-status.ts'
import type { SidecarOptions } from './sidecar-options.ts'

export interface SidecarProcessEvents {
  /** A line of descriptor 1 or 2. */
  line(sidecar: SidecarProcess, stream: 'stdout' | 'stderr', text: string): void
  log(sidecar: SidecarProcess, message: LogMessage): void
  /** The pipe to the guest can take calls again. */
  roomAgain(sidecar: SidecarProcess): void
}

/** From SIGTERM to SIGKILL. */
const killGraceMs = 500
/** How long the pipes may still deliver after the process is gone or closed one of them. */
const drainAfterEndMs = 500
/** How often each guest is looked at. */
export const lookIntervalMs = 1000
/** Heartbeats come every second while calls run: without one for so long, a handler keeps the interpreter to itself. */
const heartbeatMaxMs = 2500

export class SidecarProcess {
  readonly channel: Channel
  /** Resolves when the process is reaped and every call is settled. Never rejects. */
  readonly exited: Promise<void>
  readonly #options: SidecarOptions
  readonly #events: SidecarProcessEvents
  readonly #child: ChildProcess
  readonly #wire: Duplex | null
  readonly #pipe: FramePipe | null
  readonly #decoder: FrameDecoder
  readonly #output: GuestOutput
  readonly #watch: GuestWatch | null
  readonly #timers = new Set<NodeJS.Timeout>()
  /** What is said of it in errors: the program and the first of its arguments. */
  readonly #program: string
  readonly #spawnedAt = performance.now()
  readonly #oomKillsBefore = oomKills()
  #hello: HelloMessage | null = null
  #gone = false
  #endedBy: Death['endedBy'] = null
  #death: Death | null = null
  #rssBytes: number | null = null
  #aliveAt = 0
  #callsTaken = 0
  #names: ReadonlySet<string> = new Set()

  constructor(options: SidecarOptions, events: SidecarProcessEvents) {
    this.#options = options
    this.#events = events
    this.#decoder = new FrameDecoder(options.frameBytesMax)
    const [program = '', ...firstArguments] =
      typeof options.command === 'function' ? options.command() : options.command
    this.#program = [program, ...firstArguments].slice(0, 3).join(' ')
    // A group of its own: a signal to it reaches what handlers have started, and Ctrl-C at the terminal does not reach the guest.
    this.#child = spawn(program, [...firstArguments, ...guestArguments(options)], {
      cwd: options.cwd,
      env: guestEnvironment(options.env, process.env),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    })
    const ended = this.#end()
    // Without a free file descriptor there is a child that never was: it has no pipes at all, whatever its type says.
    const { stdout = null, stderr = null, stdio = [] } = this.#child as Partial<ChildProcess>
    this.#output = new GuestOutput({
      linesPerSecondMax: options.logLinesPerSecondMax,
      ...{ stdout, stderr },
      line: (stream, text) => events.line(this, stream, text),
    })
    this.#wire = (stdio[wireDescriptor] ?? null) as Duplex | null
    this.#pipe =
      this.#wire === null
        ? null
        : new FramePipe({
            stream: this.#wire,
            frameBytesMax: options.frameBytesMax,
            roomAgain: () => events.roomAgain(this),
          })
    this.channel = this.#openChannel()
    this.#watch = this.#openWatch((stdio[watchDescriptor] ?? null) as Duplex | null)
    this.exited = this.#live(ended)
  }

  get pid(): number | null {
    return this.#child.pid ?? null
  }

  get livedMs(): number {
    return Math.round(performance.now() - this.#spawnedAt)
  }

  /** null until it has ended. */
  get death(): Death | null {
    return this.#death
  }

  get hello(): HelloMessage | null {
    return this.#hello
  }

  /** At the last look; null before the first. */
  get rssBytes(): number | null {
    return this.#rssBytes
  }

  /** False: calls must wait, for room in the pipe or for another process. */
  get hasRoom(): boolean {
    if (this.#gone || this.#endedBy !== null || this.channel.closedBy !== null) return false
    return this.channel.inFlight < (this.#hello?.max_in_flight ?? 0) && this.#pipe?.hasRoom === true
  }

  /** A handler keeps the interpreter to itself: it lives, but what is sent now waits. */
  get isBusy(): boolean {
    return this.channel.inFlight > 0 && performance.now() - this.#aliveAt > heartbeatMaxMs
  }

  /** Resolves with hello. Rejects with HostError when there is none within `startTimeoutMs`, and then nothing is left running. */
  async ready(): Promise<HelloMessage> {
    const { startTimeoutMs } = this.#options
    const timer = this.#after(startTimeoutMs, () => {
      const because = `it did not say hello within ${startTimeoutMs} ms`
      this.end('unready', because)
    })
    try {
      this.#hello = await this.channel.hello()
      this.#names = handlerNames(this.#hello)
      this.#watch?.begin({ threaded: this.#hello.watch })
      return this.#hello
    } catch (error) {
      await this.exited
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Sends a call. Resolves and rejects as `Channel.execute`. */
  execute(call: HandlerCall, observer: CallObserver): Promise<readonly StepResult[]> {
    this.#callsTaken += 1
    // From the first call on heartbeats are due.
    if (this.channel.inFlight === 0) this.#aliveAt = performance.now()
    return this.channel.execute(call, observer)
  }

  /** Calls that it has been given. */
  get callsTaken(): number {
    return this.#callsTaken
  }

  /** Whether its hello named the callable, by any of its names. */
  knows(callable: string): boolean {
    return this.#names.has(callable)
  }

  /** Looks at its memory and asks whether it is alive. Called every `lookIntervalMs`. */
  look(): void {
    if (this.#gone || this.pid === null) return
    this.#rssBytes = rssBytes(this.pid) ?? this.#rssBytes
    this.#watch?.look()
  }

  /** Ends the process group: SIGTERM, then SIGKILL. Pending calls settle when it has gone. Only the first reason counts. */
  end(reason: EndReason, because: string): void {
    if (this.#gone || this.#endedBy !== null) return
    this.#endedBy = { reason, because }
    this.#force()
  }

  /** The orderly end: shutdown, end of file, and force after `graceMs`. Resolves when the process is reaped. */
  async shutDown(graceMs: number): Promise<void> {
    if (!this.#gone && this.#endedBy === null) {
      this.#endedBy = { reason: 'stopped', because: 'it was shut down' }
      if (this.channel.closedBy === null) this.channel.shutdown()
      this.#pipe?.flush()
      this.#wire?.end()
      this.#after(graceMs, () => {
        this.#endedBy = { reason: 'stopped', because: `it did not shut down within ${graceMs} ms` }
        this.#force()
      })
    }
    await this.exited
  }

  #force(): void {
    this.#signal('SIGTERM')
    this.#after(killGraceMs, () => this.#signal('SIGKILL'))
  }

  #openChannel(): Channel {
    return new Channel({
      runtime: this.#options.runtime,
      send: (message) => {
        if (this.#pipe === null) throw new HostError('RUNTIME_DIED', 'The runtime has no wire.')
        this.#pipe.write(message)
      },
      close: (reason) => this.end('broken_wire', reason.message),
      heartbeat: () => {
        this.#aliveAt = performance.now()
      },
      log: (message) => this.#output.admit(message.message, () => this.#events.log(this, message)),
    })
  }

  #openWatch(socket: Duplex | null): GuestWatch | null {
    if (socket === null || this.pid === null) return null
    const { silenceMaxMs } = this.#options
    return new GuestWatch({
      socket,
      pid: this.pid,
      looksMax: Math.ceil(silenceMaxMs / lookIntervalMs),
      ping: () => this.channel.ping(),
      silent: () => this.end('silent', `it was silent for ${silenceMaxMs} ms`),
    })
  }

  async #live(ended: Promise<() => HostError>): Promise<void> {
    const wire = this.#wire
    wire?.on('data', (chunk: Uint8Array) => this.#read(chunk))
    wire?.on('end', () => this.#after(drainAfterEndMs, () => this.end('broken_wire', 'it closed its end of the wire')))
    // EPIPE and its like: the guest does not read any more. Its exit says why; a guest that stays without exit is ended.
    wire?.on('error', () =>
      this.#after(drainAfterEndMs, () => this.end('broken_wire', 'it does not read the wire any more')),
    )
    const pipesEnded = Promise.all([this.#output.ended, wire === null ? null : closed(wire)])

    const fault = await ended
    this.#gone = true
    // What handlers have left behind in the group would keep the pipes open, and would run on without an owner.
    this.#signal('SIGKILL')
    await Promise.race([pipesEnded, new Promise((resolve) => this.#after(drainAfterEndMs, resolve as () => void))])
    for (const timer of this.#timers) clearTimeout(timer)
    this.#watch?.end()
    wire?.destroy()
    this.#output.end()
    this.channel.fail(fault())
  }

  /** Listens from the spawn on. Resolves when the process is gone, with the way to say so: last lines may still be on their way. */
  #end(): Promise<() => HostError> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) => {
        const problem = `${this.#name()} cannot be started: ${messageOf(error)}`
        resolve(() => new HostError('RUNTIME_UNAVAILABLE', problem, { cause: error }))
      })
      this.#child.once('exit', (exitCode, signal) => {
        const livedMs = this.livedMs
        const killsNow = oomKills() ?? 0
        resolve(() => {
          this.#death = {
            ...{ exitCode, signal, livedMs, endedBy: this.#endedBy, torn: this.#decoder.incomplete },
            outOfMemory: this.#oomKillsBefore !== null && killsNow > this.#oomKillsBefore,
            ...{ rssBytes: this.#rssBytes, lastLines: this.#output.lastLines },
          }
          const problem = `${this.#name()} ${deathSentence(this.#death)}`
          return new HostError(this.#hello === null ? 'RUNTIME_UNAVAILABLE' : 'RUNTIME_DIED', problem)
        })
      })
    })
  }

  /** True when what it was running may have caused its end. */
  get blamesHandlers(): boolean {
    return this.#death === null ? this.#endedBy?.reason === 'broken_wire' : blamesHandlers(this.#death)
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const payload of this.#decoder.push(chunk)) this.channel.receive(decodePayload(payload))
      if (this.#decoder.violation !== null) this.channel.violate(this.#decoder.violation)
    } catch (error) {
      this.channel.violate(error instanceof WireError ? error : new WireError('bad_message', messageOf(error)))
    }
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
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }

  #name(): string {
    const where = this.pid === null ? this.#program : `process ${this.pid}, ${this.#program}`
    return `The ${this.#options.runtime} runtime (${where})`
  }
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve))
}
