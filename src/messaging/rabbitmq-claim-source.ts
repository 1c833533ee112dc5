// Claims from RabbitMQ: judges the messages that the broker has handed over, and acknowledges them once their steps are ours.

import { ClaimShares, type LookedInto, nothing } from '../model/claim-shares.ts'
import type { Claim, ClaimRequest, ClaimSource } from '../model/claim-source.ts'
import { JudgedClaim } from '../model/judged-claim.ts'
import { requestAfter } from '../model/lanes-after.ts'
import { type MessageJudge, stepQueueOf } from '../model/message-judge.ts'
import { takenBackChannel, type WakeUps } from '../model/wake-ups.ts'
import type { RabbitmqConnection } from './rabbitmq-connection.ts'
import { RabbitmqConsumer, seenMessage } from './rabbitmq-consumer.ts'
import type { RabbitmqSender } from './rabbitmq-sender.ts'

export interface RabbitmqClaimSourceOptions {
  readonly namespaces: readonly string[]
  readonly foreignRetryMs: number
  /** Messages that one queue may have handed over at most: the worker's permits and its prefetch; asked with every claim. */
  window(): number
}

interface Source {
  readonly namespace: string
  readonly consumer: RabbitmqConsumer
}

interface Unserved {
  readonly error: unknown
  readonly tryAgainAt: number
}

/** Between two attempts at a queue that failed: claims may come faster. */
const serveAgainMs = 1_000

export class RabbitmqClaimSource implements ClaimSource, WakeUps {
  readonly #connection: RabbitmqConnection
  readonly #judge: MessageJudge
  readonly #options: RabbitmqClaimSourceOptions
  readonly #sender: RabbitmqSender
  #sources: readonly Source[] = []
  /** Namespaces whose queues could not be declared or read when that was last tried. */
  readonly #unserved = new Map<string, Unserved>()
  #namespaces: readonly string[]
  readonly #listeners = new Set<{ readonly wake: () => void }>()
  readonly #shares = new ClaimShares()
  #wakeTimer: NodeJS.Timeout | null = null

  /** Before the connection starts: its queues are declared with it. */
  constructor(
    connection: RabbitmqConnection,
    judge: MessageJudge,
    sender: RabbitmqSender,
    options: RabbitmqClaimSourceOptions,
  ) {
    this.#connection = connection
    this.#judge = judge
    this.#options = options
    this.#sender = sender
    this.#namespaces = options.namespaces
    for (const namespace of options.namespaces) {
      const consumer = this.#consumerOf(namespace)
      this.#sources = [...this.#sources, { namespace, consumer }]
      void connection.add(consumer)
    }
    // The claim that follows says why nothing comes, or finds what came meanwhile.
    connection.watch(() => this.#wake())
  }

  serve(namespaces: readonly string[]): void {
    this.#namespaces = namespaces
  }

  /** Messages come; those that came while the connection was lost, too. */
  get arriving(): boolean {
    return this.#connection.fault === null
  }

  watch(changed: () => void): () => void {
    return this.#connection.watch(changed)
  }

  /**
   * The broker pushes: whatever the queue is called, its listener is woken by every message, and the first listener opens the queues. It knows
   * nothing of steps that are taken back; a worker finds those after its next heartbeat.
   */
  async listen(channel: string, wake: () => void): Promise<() => Promise<void>> {
    if (channel === takenBackChannel) return async () => {}
    const listener = { wake }
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) await Promise.all(this.#sources.map(({ consumer }) => consumer.open()))
    return async () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer)
      this.#wakeTimer = null
      // A channel that is closing gives its messages back by its end.
      await Promise.all(this.#sources.map(({ consumer }) => consumer.close().catch(() => undefined)))
    }
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    this.#connection.current()
    const unserved = await this.#follow()
    const letGo = this.#sources.map(({ consumer }) => consumer.keep())
    try {
      // All of them before any is looked at: who had to give its messages back meanwhile has a share as well.
      if (this.#listeners.size > 0) await Promise.all(this.#sources.map(({ consumer }) => consumer.open()))
      // Who failed now is told of behind what the others have: alone, if they have nothing.
      return { ...unserved, ...(await this.#claimShares(request)) }
    } finally {
      for (const release of letGo) release()
    }
  }

  async #claimShares(request: ClaimRequest): Promise<Claim> {
    const claim = new JudgedClaim()
    const ready = this.#sources.filter(({ consumer }) => consumer.waiting > 0).map(({ namespace }) => namespace)
    const look = (namespace: string, room: ClaimRequest) => this.#look(namespace, room, claim)
    let unknown: Pick<Claim, 'unknown'> = {}
    const sawAll = await this.#shares.claim(request, ready, look, (error) => {
      unknown = { unknown: { error } }
    })
    if (!sawAll) claim.skipped()
    return { ...claim.claim(), ...unknown }
  }

  /** The queues of namespaces that have come since, and of those that could not be served. Answers why some still cannot. */
  async #follow(): Promise<Pick<Claim, 'unknown'>> {
    for (const namespace of this.#unserved.keys())
      if (!this.#namespaces.includes(namespace)) this.#unserved.delete(namespace)
    for (const namespace of this.#namespaces) {
      const isServed = this.#sources.some((source) => source.namespace === namespace && source.consumer.isServed)
      // A reconnect may have served it meanwhile.
      if (isServed) this.#unserved.delete(namespace)
      else await this.#serve(namespace)
    }
    for (const { error } of this.#unserved.values()) return { unknown: { error } }
    return {}
  }

  async #serve(namespace: string): Promise<void> {
    if (performance.now() < (this.#unserved.get(namespace)?.tryAgainAt ?? 0)) return
    const known = this.#sources.find((source) => source.namespace === namespace)
    const consumer = known?.consumer ?? this.#consumerOf(namespace)
    try {
      await this.#connection.add(consumer)
    } catch (error) {
      this.#unserved.set(namespace, { error, tryAgainAt: performance.now() + serveAgainMs })
      return
    }
    this.#unserved.delete(namespace)
    if (known === undefined) this.#sources = [...this.#sources, { namespace, consumer }]
  }

  #consumerOf(namespace: string): RabbitmqConsumer {
    return new RabbitmqConsumer({
      queue: stepQueueOf(namespace),
      target: this.#connection.target,
      window: this.#options.window,
      holdMs: this.#options.foreignRetryMs,
      arrived: () => this.#wake(),
      broken: (error) => this.#connection.giveUp(error),
      putLast: (queue, content) => this.#sender.publish(queue, content),
    })
  }

  async #look(namespace: string, request: ClaimRequest, claim: JudgedClaim): Promise<LookedInto> {
    const consumer = this.#sources.find((source) => source.namespace === namespace)?.consumer
    if (consumer === undefined || consumer.waiting === 0) return nothing
    const seen = consumer.look()
    const messages = seen.map(seenMessage)
    const judged = await this.#judge.judge(request, { namespace, queue: consumer.queue, messages })
    const left = requestAfter(request, judged.steps)
    // What waits for tokens waits in front of the others: they need not be handed over before it has them.
    const hadRoom = left.free + left.prefetch > 0 && judged.nextWeighs === null
    consumer.settle(seen, judged.verdicts, hadRoom)
    claim.add(judged, consumer.waiting > judged.verdicts.filter((verdict) => verdict === 'left').length)
    // Somebody else was at their steps in this moment, and no message and no permit will tell how that went; or their limits are full.
    if (hadRoom && judged.verdicts.includes('left')) this.#wakeSoon()
    return { steps: judged.steps, hasMore: consumer.waiting > 0, nextWeighs: judged.nextWeighs }
  }

  #wakeSoon(): void {
    if (this.#listeners.size === 0) return
    this.#wakeTimer ??= setTimeout(() => {
      this.#wakeTimer = null
      this.#wake()
    }, this.#options.foreignRetryMs)
  }

  #wake(): void {
    for (const { wake } of this.#listeners) wake()
  }
}
