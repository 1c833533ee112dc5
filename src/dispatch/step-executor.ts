// Runs one claimed step to its result. The file to read first: no SQL, no process, and the one place where a permit comes back.

import type { RuntimeName } from '../model/handler.ts'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { CallId, StepId } from '../model/ids.ts'
import type { JsonLimits } from '../model/json-text.ts'
import type { CallEvents, CancelReason, MonotonicMs } from '../model/runtime-adapter.ts'
import { type ClaimedStep, declaresEvents, type StepRequest } from '../model/step-request.ts'
import { hostFailure, type StepResult } from '../model/step-result.ts'
import type { FinishedStep } from '../model/step-store.ts'
import { dependencyProblem, outcomeProblem } from '../model/template-fit.ts'
import { CallIds } from './call-ids.ts'
import { checkedResult } from './checked-result.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { HandlerDirectory, ResolvedHandler } from './handler-directory.ts'
import { type LoneSteps, mustRunAlone } from './lone-steps.ts'
import type { BatchPlace, Handover, HydratedStep } from './row-batches.ts'
import type { RunnableSteps } from './runnable-steps.ts'
import type { Member, RunningCall, YieldedStep } from './running-call.ts'
import type { RuntimeTurns } from './runtime-turns.ts'
import type { Permit } from './semaphore.ts'
import type { StepCheckpoints } from './step-checkpoints.ts'
import type { StepLogs } from './step-logs.ts'
import { explained } from './stopped-result.ts'

export interface StepExecutorOptions {
  /** The limit of a handler whose template step has no `timeout_seconds`. */
  readonly handlerTimeoutMs: number
  readonly resultLimits: JsonLimits
}

export interface StepExecutorParts {
  readonly directory: HandlerDirectory
  readonly runnable: RunnableSteps
  readonly deadlines: DeadlineWheel
  readonly events: DispatchEvents
  readonly checkpoints: StepCheckpoints
  readonly logs: StepLogs
  readonly turns: RuntimeTurns
  readonly lone: LoneSteps
  /** The inputs of steps that run on, with their checkpoints. Rejects with a HostError. */
  hydrate(steps: readonly ClaimedStep[]): Promise<ReadonlyMap<StepId, StepRequest>>
  /** A call took so long by its runtime's clock; each step of a batch says how long all of it took. */
  ran(callMs: number, steps: number): void
  /** Takes the result of a step that ran. */
  finished(finished: FinishedStep): void
  /** False: the step is not this worker's any more. */
  holds(step: ClaimedStep): boolean
  /** False: the lease may be over, or it is and the step belongs to a life before: others may have it. */
  mayStart(step: ClaimedStep): boolean
  /** Takes a step that never started: it keeps its attempt. */
  notStarted(step: ClaimedStep, reason: string): void
}

/** A step that a runtime has. */
export interface RunningStep {
  readonly stepId: StepId
  readonly callable: string
  readonly runtime: RuntimeName
  /** When its author's code began; null: the call still waits inside the runtime. */
  readonly startedAt: MonotonicMs | null
}

/** One for all: each step gives at least two. */
const none: readonly never[] = []

export class StepExecutor {
  #options: StepExecutorOptions
  readonly #parts: StepExecutorParts
  readonly #running = new Map<CallId, RunningCall>()
  readonly #callIds = new CallIds()
  #unsettled = 0
  #goesOn = true

  constructor(options: StepExecutorOptions, parts: StepExecutorParts) {
    this.#options = options
    this.#parts = parts
  }

  /** For calls from now on. */
  limitHandlers(limits: Pick<StepExecutorOptions, 'handlerTimeoutMs'>): void {
    this.#options = { ...this.#options, ...limits }
  }

  /** Steps in handlers, and those that wait for their runtime to have room. */
  get running(): number {
    return this.#unsettled
  }

  /** The steps that runtimes have, in the order in which they got them. */
  runningSteps(): readonly RunningStep[] {
    return [...this.#running.values()].flatMap(({ members, handler: { descriptor }, startedAt }) =>
      members.map(({ step }) => ({
        stepId: step.stepId,
        callable: descriptor.callable,
        runtime: descriptor.runtime,
        startedAt,
      })),
    )
  }

  /**
   * Steps of one callable, deadline and handler share calls. A step that is tried again runs by itself: what killed a whole batch is then
   * known, and the others are rid of it.
   */
  batchPlaceOf({ step, request }: HydratedStep): BatchPlace | null {
    if (request === null || step.attempts > 0 || !this.#parts.directory.anyTakesBatches) return null
    const { callable, method, resolver } = request.handler
    const descriptor = this.#resolve(step, request)?.descriptor ?? null
    if (descriptor === null || descriptor.batch === null || (method ?? 'call') !== 'call') return null
    const { runtime, file, root } = descriptor
    const key = JSON.stringify([runtime, root, file, callable, resolver, step.namespace, request.timeoutMs])
    return { key, limits: descriptor.batch }
  }

  /** Never rejects. */
  async run(handover: Handover, permit: Permit): Promise<void> {
    this.#unsettled += handover.length
    try {
      let rest = handover
      while (rest.length > 0) {
        const yielded = await this.#run(rest)
        rest = yielded.length === 0 ? [] : await this.#goOn(yielded)
      }
    } finally {
      this.#unsettled -= handover.length
      permit.release()
    }
  }

  /** Steps that wait for their runtime, or yield a checkpoint from now on, do not go on here: they go back with their attempt. */
  stopStarting(): void {
    this.#goesOn = false
    this.#parts.lone.refuseWaiting('the worker ends')
  }

  /** Cancels what runs and refuses what waits for its runtime. */
  cancelAll(reason: CancelReason): void {
    this.#parts.lone.refuseWaiting(`cancelled before it started: ${reason}`)
    this.#parts.turns.refuseWaiting(`cancelled before it started: ${reason}`)
    for (const callId of this.#running.keys()) this.#cancel(callId, reason)
  }

  /** Cancels the calls that have no step of this worker's any more; one of a batch goes on with the others. */
  cancelUnheld(): void {
    for (const [callId, { members }] of this.#running) {
      if (!members.some(({ step }) => this.#parts.holds(step))) this.#cancel(callId, 'lease_lost')
    }
  }

  /** Stores the checkpoints; gives the steps that run on, in the same claim and attempt. Source: wire-protocol §6.3. */
  async #goOn(yielded: readonly YieldedStep[]): Promise<Handover> {
    const stored: ClaimedStep[] = []
    for (const { step, request, checkpoint } of yielded) {
      const ack = await this.#parts.checkpoints.write(step, checkpoint)
      if (!ack.stored) {
        const message = `The checkpoint that the handler yielded was not stored: ${ack.message ?? 'no reason given'}`
        this.#finish({ step, request }, hostFailure(step.stepId, 'checkpoint_error', message), null)
      } else if (this.#goesOn) stored.push(step)
      else this.#parts.notStarted(step, 'the worker ends, and the step goes on elsewhere from its checkpoint')
    }
    if (stored.length === 0) return []
    try {
      const requests = await this.#parts.hydrate(stored)
      return stored.map((step) => ({ step, request: requests.get(step.stepId) ?? null }))
    } catch (error) {
      for (const step of stored) this.#parts.notStarted(step, messageOf(error))
      return []
    }
  }

  #run(handover: Handover): Promise<readonly YieldedStep[]> | readonly never[] {
    const members = handover.filter((hydrated): hydrated is Member => hydrated.request !== null)
    for (const { step, request } of handover) if (request === null) this.#templateless(step)
    const [first] = members
    if (first === undefined) return []
    const resolved = this.#resolve(first.step, first.request)
    if (resolved === null) for (const member of members) this.#unserved(member)
    else if (members.length > 1 && resolved.descriptor.batch === null) {
      const reason = `the handler "${resolved.descriptor.callable}" was reloaded and takes no batches any more`
      for (const { step } of members) this.#parts.notStarted(step, reason)
    } else if (resolved.descriptor.dependsOn.length > 0) return this.#takeTurnIfFitting(members, resolved)
    else return this.#takeTurn(members, resolved)
    return []
  }

  #resolve(step: ClaimedStep, request: StepRequest): ResolvedHandler | null {
    return this.#parts.directory.resolve({
      callable: request.handler.callable,
      resolver: request.handler.resolver,
      namespace: step.namespace,
      templateStep: step.templateStep,
      root: this.#parts.runnable.rootOf(step.namedTaskId),
    })
  }

  #templateless(step: ClaimedStep): void {
    const message = `The registered template has no step "${step.templateStep}" with a handler.callable; register the template again.`
    this.#parts.finished({
      step,
      request: null,
      result: hostFailure(step.stepId, 'handler_not_found', message),
      runtime: null,
    })
  }

  /** Handlers may go between the claim and the run: then the step is another worker's, or comes back as one that nobody takes. */
  #unserved({ step, request }: Member): void {
    const { callable } = request.handler
    if (step.runnable) {
      this.#parts.runnable.doubt()
      this.#parts.notStarted(step, `the handler "${callable}" is not loaded here any more`)
      return
    }
    const message = `No handler "${callable}" is loaded here; \`stephost handlers\` lists what is, and why files failed to load.`
    this.#finish({ step, request }, hostFailure(step.stepId, 'handler_not_found', message), null)
  }

  /** Those that do not fit fail for good: no run would find the steps that their handler asks for. */
  async #takeTurnIfFitting(members: readonly Member[], handler: ResolvedHandler): Promise<readonly YieldedStep[]> {
    const problemOf = ({ step }: Member) => {
      const stepNames = this.#parts.runnable.stepNamesOf(step.namedTaskId)
      return stepNames === null ? null : dependencyProblem(handler.descriptor, stepNames)
    }
    if (members.some((member) => problemOf(member) !== null)) await this.#readTemplates()
    const fitting = members.filter((member) => {
      const problem = problemOf(member)
      if (problem !== null) this.#finish(member, hostFailure(member.step.stepId, 'handler_mismatch', problem), null)
      return problem === null
    })
    return fitting.length === 0 ? [] : this.#takeTurn(fitting, handler)
  }

  /** What we know of them may be from before somebody registered them again. */
  async #readTemplates(): Promise<void> {
    try {
      await this.#parts.runnable.refresh()
    } catch (error) {
      this.#parts.events.warning('the templates could not be read', { error: messageOf(error) })
    }
  }

  #finish({ step, request }: Member, result: StepResult, runtime: RuntimeName | null): void {
    this.#parts.finished({ step, result, runtime, request: declaresEvents(request) ? request : null })
  }

  /** Each async function between a step and its handler costs half a kilobyte and a turn of the queue for every step: here are as few as can be. */
  #takeTurn(members: readonly Member[], handler: ResolvedHandler): Promise<readonly YieldedStep[]> | readonly never[] {
    if (members.some(({ step }) => mustRunAlone(step))) return this.#runAlone(members, handler)
    const { lone } = this.#parts
    const refusal = lone.enter()
    if (refusal !== null) return this.#notStarted(members, refusal)
    return this.#call(members, handler, () => lone.leave({ alone: false }))
  }

  async #runAlone(members: readonly Member[], handler: ResolvedHandler): Promise<readonly YieldedStep[]> {
    const { lone } = this.#parts
    const refusal = await lone.enterAlone()
    if (refusal !== null) return this.#notStarted(members, refusal)
    try {
      return await lone.isolate(handler, (isolated) => this.#call(members, isolated, () => {}))
    } catch (error) {
      if (isHostError(error)) return this.#notStarted(members, error.message)
      throw error
    } finally {
      lone.leave({ alone: true })
    }
  }

  #whyNotNow(members: readonly Member[]): string | null {
    const { lone, mayStart } = this.#parts
    if (!this.#goesOn) return 'the worker ends'
    if (lone.isTaken && !members.some(({ step }) => mustRunAlone(step))) return 'another step runs alone on this worker'
    return members.every(({ step }) => mayStart(step)) ? null : 'the worker may have lost its lease'
  }

  #notStarted(members: readonly Member[], reason: string): readonly never[] {
    for (const { step } of members) this.#parts.notStarted(step, reason)
    return none
  }

  /** Resolves with those that are not done yet; where the runtime has no room for it any more, it did not start. `left` is called at the end. */
  async #call(members: readonly Member[], handler: ResolvedHandler, left: () => void): Promise<readonly YieldedStep[]> {
    const { turns, lone } = this.#parts
    const { adapter } = handler
    let entered = false
    try {
      if (!turns.tryEnter(adapter)) await turns.enter(adapter)
      entered = true
      // The wait may have been long.
      const reason = this.#whyNotNow(members)
      if (reason !== null) return this.#notStarted(members, reason)
      const call = this.#open(members, handler)
      let answer: readonly StepResult[] | HostError
      try {
        answer = await adapter.execute(call.handed, this.#eventsOf(call))
      } catch (error) {
        answer = this.#failed(call, error)
      }
      // It is over: what comes from here on, be it its deadline or a shutdown, is not why it failed.
      call.deadline.clear()
      this.#running.delete(call.handed.id)
      call.ranMs = performance.now() - (call.startedAt ?? call.sentAt)
      if (answer instanceof HostError) return this.#notStarted(members, answer.message)
      // Whoever ends the worker may have ended its processes, too.
      const judged = this.#goesOn ? lone.judge(call, answer) : answer
      const results = judged instanceof Promise ? await judged : judged
      this.#parts.ran(results[0]?.executionTimeMs ?? 0, members.length)
      if (members.some((member, index) => this.#misfit(results[index], call, member) !== null))
        await this.#readTemplates()
      return members.flatMap((member, index) => this.#settle(call, member, results[index]))
    } catch (error) {
      if (isHostError(error)) return this.#notStarted(members, error.message)
      throw error
    } finally {
      if (entered) turns.leave(adapter)
      left()
    }
  }

  /** Members of a batch have the same limit. */
  #open(members: readonly Member[], handler: ResolvedHandler): RunningCall {
    const id = this.#callIds.next()
    const timeoutMs = members[0]?.request.timeoutMs ?? this.#options.handlerTimeoutMs
    const sentAt = performance.now()
    const deadlineAt = sentAt + timeoutMs
    const mode = members.length > 1 ? 'batch' : 'single'
    const handed = { id, requests: members.map(({ request }) => request), deadlineAt, mode, event: null } as const
    const deadline = this.#parts.deadlines.set(deadlineAt, () => this.#cancel(id, 'timeout'))
    const call = { members, handler, handed, deadline, timeoutMs, sentAt, startedAt: null, cancelled: null, ranMs: 0 }
    this.#running.set(id, call)
    for (const { step } of members) this.#parts.logs.open(step.stepId)
    return call
  }

  /** The step itself when it is not done yet, else nothing. */
  #settle(call: RunningCall, member: Member, result: StepResult | undefined): YieldedStep | readonly never[] {
    const { step } = member
    const settled = result ?? hostFailure(step.stepId, 'handler_lost', 'The runtime gave no result for this step.')
    const checked = this.#checked(settled, call, member)
    if (checked.success && checked.outcome?.kind === 'checkpoint')
      return { ...member, checkpoint: checked.outcome.document }
    const { handler, cancelled, timeoutMs, ranMs } = call
    const how = { descriptor: handler.descriptor, cancelled, timeoutMs, ranMs }
    this.#finish(member, explained(checked, how), handler.adapter.name)
    return none
  }

  #checked(settled: StepResult, call: RunningCall, member: Member): StepResult {
    const checked = checkedResult(settled, this.#options.resultLimits)
    const problem = this.#misfit(checked, call, member)
    return problem === null
      ? checked
      : hostFailure(member.step.stepId, 'handler_mismatch', problem, checked.executionTimeMs)
  }

  /** Which steps an outcome names that the template, as we know it, does not have. */
  #misfit(result: StepResult | undefined, { handler }: RunningCall, { step }: Member): string | null {
    if (result === undefined || !result.success || result.outcome === null) return null
    const stepNames = this.#parts.runnable.stepNamesOf(step.namedTaskId)
    return stepNames === null ? null : outcomeProblem(handler.descriptor, result.outcome, stepNames)
  }

  /** A HostError means that the handler did not run; anything else is a broken adapter, and nobody knows. */
  #failed({ handler, handed: { requests }, startedAt }: RunningCall, error: unknown) {
    if (isHostError(error) && startedAt === null) return error
    this.#parts.events.warning(`adapter ${handler.adapter.name} broke its contract`, { error: messageOf(error) })
    return requests.map(({ stepId }) => hostFailure(stepId, 'handler_lost', messageOf(error)))
  }

  #eventsOf(running: RunningCall): CallEvents {
    const { events, logs, checkpoints } = this.#parts
    return {
      started: () => {
        running.startedAt ??= performance.now()
      },
      log: (record) => {
        logs.add(record)
        events.handlerLog(record)
      },
      checkpoint: (stepId, data) => {
        const member = running.members.find(({ step }) => step.stepId === stepId)
        if (member !== undefined) return checkpoints.write(member.step, data)
        return Promise.resolve({ stored: false, message: 'The call has no such step.' })
      },
    }
  }

  #cancel(callId: CallId, reason: CancelReason): void {
    const call = this.#running.get(callId)
    if (call === undefined || call.cancelled !== null) return
    call.cancelled = reason
    call.handler.adapter.cancel(callId, reason)
  }
}
