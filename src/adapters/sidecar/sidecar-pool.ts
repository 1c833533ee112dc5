// The processes of one language: which of them gets the next call, which are ended, and which version of the handlers they serve.

import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../../model/handler.ts'
import { messageOf } from '../../model/host-error.ts'
import type { AdapterHealth, HandlerCall, ReloadOutcome } from '../../model/runtime-adapter.ts'
import { Announcement } from '../../protocol/announcement.ts'
import { Recycling } from './recycling.ts'
import type { SidecarOptions } from './sidecar-options.ts'
import { lookIntervalMs, SidecarProcess, type SidecarProcessEvents } from './sidecar-process.ts'
import { SidecarSlot } from './sidecar-slot.ts'

export interface SidecarPoolEvents extends SidecarProcessEvents {
  warn(sentence: string): void
}

/** Deaths in a row after which a place counts as down for good: a restart alone does not cure it. */
const deathsUntilUnhealthy = 3

export class SidecarPool {
  readonly #options: SidecarOptions
  readonly #events: SidecarPoolEvents
  readonly #announcement = new Announcement()
  readonly #recycling: Recycling
  readonly #slots: readonly SidecarSlot[]
  /** Processes without a place: they finish their last calls, run one step alone, or start as a new version. */
  readonly #others = new Set<SidecarProcess>()
  readonly #retired = new WeakSet<SidecarProcess>()
  #lookTimer: NodeJS.Timeout | null = null
  #reloading: Promise<unknown> = Promise.resolve()
  #reloadProblem: string | null = null
  #inFlightMaxPerProcess: number
  #stopping = false

  constructor(options: SidecarOptions, events: SidecarPoolEvents) {
    this.#options = options
    this.#inFlightMaxPerProcess = options.inFlightMax
    this.#events = events
    this.#recycling = new Recycling(options.recycle, Math.random)
    this.#slots = Array.from(
      { length: options.processes },
      () =>
        new SidecarSlot({
          restart: options.restart,
          spawn: () => new SidecarProcess(options, events),
          changed: () => this.#changed(),
          retire: (process) => this.#retire(process),
          warn: events.warn,
        }),
    )
  }

  /** Calls that all places together hold. */
  get inFlightMax(): number {
    return this.#slots.length * this.#inFlightMaxPerProcess
  }

  get handlers(): readonly HandlerDescriptor[] {
    return this.#announcement.handlers
  }

  /** See `Announcement.promises`. */
  promises(call: HandlerCall): boolean {
    return this.#announcement.promises(call)
  }

  get publishers(): readonly PublisherDescriptor[] {
    return this.#announcement.publishers
  }

  get subscribers(): readonly SubscriberDescriptor[] {
    return this.#announcement.subscribers
  }

  get resolvers(): readonly ResolverDescriptor[] {
    return this.#announcement.resolvers
  }

  get loadFailures(): readonly LoadFailure[] {
    return this.#announcement.loadFailures
  }

  /** Why no process serves; null when one does. */
  get downBecause(): string | null {
    const reasons = this.#slots.map(({ downBecause }) => downBecause)
    return reasons.includes(null) ? null : (reasons[0] ?? null)
  }

  /** Resolves when every place is warm, or when the others are and one is tried again. Rejects when none can start. */
  async start(): Promise<void> {
    this.#stopping = false
    this.#lookTimer = setInterval(() => this.#look(), lookIntervalMs)
    const starts = await Promise.allSettled(this.#slots.map((slot) => slot.open()))
    const failed = starts.flatMap((start) => (start.status === 'rejected' ? [start.reason as unknown] : []))
    if (failed.length === this.#slots.length) {
      await this.stop()
      throw failed[0]
    }
    starts.forEach((start, index) => {
      if (start.status === 'rejected') this.#slots[index]?.wake()
    })
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#lookTimer !== null) clearInterval(this.#lookTimer)
    this.#lookTimer = null
    const { cancelGraceMs } = this.#options
    const ends = [...this.#slots, ...this.#others].map((each) =>
      each instanceof SidecarSlot ? each.stop(cancelGraceMs) : each.shutDown(cancelGraceMs),
    )
    await Promise.all(ends)
    await this.#reloading
  }

  /** The least loaded process that has room and the handler; null: the call waits. */
  choose(callable: string): SidecarProcess | null {
    let best: SidecarProcess | null = null
    let isKnown = false
    for (const { serving } of this.#slots) {
      if (serving === null) continue
      // After a crash in the middle of a refused reload not all processes have the same handlers.
      const knows = serving.knows(callable)
      if (knows && !isKnown) best = null
      isKnown ||= knows
      if (knows !== isKnown || !serving.hasRoom) continue
      if (best === null || load(serving) < load(best)) best = serving
    }
    if (best === null) this.#slots.find(({ isParked }) => isParked)?.wake()
    return best
  }

  /** A process for one call of a step that nobody else should be near. Rejects with the HostError of its start. */
  async launchAlone(): Promise<SidecarProcess> {
    const process = this.#spawnOther({ ...this.#options, inFlightMax: 1, threads: 1 })
    await process.ready()
    return process
  }

  /** After a call has settled. */
  settled(process: SidecarProcess): void {
    if (this.#retired.has(process)) {
      if (process.channel.inFlight === 0) void process.shutDown(this.#options.cancelGraceMs)
      return
    }
    if (!this.#recycling.isWornOut(process)) return
    void this.#slots.find(({ serving }) => serving === process)?.renew()
  }

  /** One after another. Never rejects. */
  reload(): Promise<ReloadOutcome> {
    const outcome = this.#reloading.then(() => this.#reload())
    this.#reloading = outcome
    return outcome
  }

  health(): AdapterHealth {
    const down = this.#slots.filter(({ downBecause, isParked }) => downBecause !== null && !isParked)
    const name = `The ${this.#options.runtime} runtime`
    const [first] = down
    if (this.downBecause !== null && first !== undefined) {
      const cured = this.handlers.length > 0 && down.every(({ deaths }) => deaths < deathsUntilUnhealthy)
      const message = `${name} does not serve: ${first.downBecause}. Run \`stephost doctor\`.`
      return { status: cured ? 'degraded' : 'unhealthy', message }
    }
    if (first !== undefined) {
      const counts = `${this.#slots.length - down.length} of ${this.#slots.length} processes serve`
      return { status: 'degraded', message: `${name}: ${counts}: ${first.downBecause}.` }
    }
    if (this.#reloadProblem !== null) {
      return { status: 'degraded', message: `${name} serves the handlers from before: ${this.#reloadProblem}` }
    }
    return { status: 'healthy', message: this.#remark(name) }
  }

  /** What someone who looks should know although nothing is wrong. */
  #remark(name: string): string | null {
    const serving = this.#serving()
    const busy = serving.filter((process) => process.isBusy).length
    if (busy > 0) return `${name}: in ${busy} of ${serving.length} processes a handler keeps the interpreter to itself.`
    // Node has no such thread, so there is nothing that anybody could install.
    if (this.#options.runtime === 'typescript' || serving.every(({ hello }) => hello?.watch === true)) return null
    return `${name} runs without its watch thread, so a silent process is judged by its CPU time: run bin/setup with a C compiler.`
  }

  #serving(): SidecarProcess[] {
    return this.#slots.flatMap(({ serving }) => (serving === null ? [] : [serving]))
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#stopping) return { live: false, problem: 'the runtime is stopping' }
    let fresh: SidecarProcess | null = null
    try {
      fresh = this.#spawnOther(this.#options)
      const hello = await fresh.ready()
      const problem = this.#announcement.refusal(hello)
      if (problem !== null) return this.#refuse(fresh, problem)
      this.#others.delete(fresh)
      this.#reloadProblem = null
      this.#announcement.adopt(hello)
      const [first, ...rest] = this.#slots
      first?.exchange(fresh)
      for (const slot of rest) slot.restart()
      return { live: true, problem: null }
    } catch (error) {
      return this.#refuse(fresh, messageOf(error))
    }
  }

  async #refuse(fresh: SidecarProcess | null, problem: string): Promise<ReloadOutcome> {
    this.#reloadProblem = problem
    await fresh?.shutDown(this.#options.cancelGraceMs)
    return { live: false, problem }
  }

  #spawnOther(options: SidecarOptions): SidecarProcess {
    const process = new SidecarProcess(options, this.#events)
    this.#others.add(process)
    void process.exited.then(() => this.#others.delete(process))
    return process
  }

  /** It gets no further calls; when it has finished its last one it ends. */
  #retire(process: SidecarProcess): void {
    this.#others.add(process)
    this.#retired.add(process)
    void process.exited.then(() => this.#others.delete(process))
    if (process.channel.closedBy === null) process.channel.reload()
    this.settled(process)
  }

  /** What is announced is what a serving process has. */
  #changed(): void {
    const hellos = this.#serving().flatMap(({ hello }) => (hello === null ? [] : [hello]))
    const [first] = hellos
    const { inFlightMax } = this.#options
    this.#inFlightMaxPerProcess = Math.min(inFlightMax, first?.max_in_flight ?? inFlightMax)
    if (first !== undefined && !hellos.some((hello) => this.#announcement.is(hello))) this.#announcement.adopt(first)
    for (const process of this.#serving()) this.#events.roomAgain(process)
  }

  #look(): void {
    const now = performance.now()
    for (const process of this.#others) process.look()
    for (const slot of this.#slots) for (const process of slot.starting) process.look()
    const spare = this.#serving().length > 1
    for (const slot of this.#slots) {
      const process = slot.serving
      if (process === null) continue
      process.look()
      const verdict = this.#recycling.judge(process, { now, spare: spare && slot !== this.#slots[0] })
      if (verdict.kind === 'kill') process.end('memory', verdict.because)
      else if (verdict.kind === 'renew') void slot.renew()
      else if (verdict.kind === 'park') slot.park()
    }
  }
}

/** A process whose interpreter is taken comes last. */
function load(process: SidecarProcess): number {
  return process.channel.inFlight + (process.isBusy ? 1_000_000 : 0)
}
