// A notification to ourselves: whether what is sent through the pool really reaches the connection that listens (design D4).
import { randomUUID } from 'node:crypto'

/** Sends a notification through a connection of the pool; resolves when it is committed. */
export type SendNotification = (channel: string, payload: string) => Promise<void>

/** `unsent`: the sender has troubles of its own, so nothing is known about the listener. */
export type ProbeOutcome = 'arrived' | 'lost' | 'unsent'

export class SelfProbe {
  /** Nobody else's, so that probes of many hosts wake nobody. */
  readonly channel = `stephost_probe.${randomUUID()}`
  readonly #send: SendNotification
  readonly #limitMs: number
  #heard = new Set<string>()
  #arrived: () => void = () => {}

  /** A notification that takes longer than `limitMs` after its commit is lost. */
  constructor(send: SendNotification, limitMs: number) {
    this.#send = send
    this.#limitMs = limitMs
  }

  heard(payload: string): void {
    this.#heard.add(payload)
    this.#arrived()
  }

  /**
   * One at a time. `lookAgain` is a round trip on the listening connection: a host that was stopped finds the notification only then.
   * Rejects with its fault, or when `signal` is aborted.
   */
  async run(lookAgain: () => Promise<void>, signal: AbortSignal): Promise<ProbeOutcome> {
    // A late answer to an earlier probe says nothing about now.
    const payload = randomUUID()
    this.#heard = new Set()
    try {
      await this.#send(this.channel, payload)
    } catch {
      return 'unsent'
    }
    await this.#wait(payload, signal)
    signal.throwIfAborted()
    if (!this.#heard.has(payload)) await lookAgain()
    return this.#heard.has(payload) ? 'arrived' : 'lost'
  }

  /** Resolves when the payload was heard, when the limit is over, and when `signal` is aborted. */
  async #wait(payload: string, signal: AbortSignal): Promise<void> {
    if (this.#heard.has(payload) || signal.aborted) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(patience)
        signal.removeEventListener('abort', end)
        this.#arrived = () => {}
        resolve()
      }
      const patience = setTimeout(end, this.#limitMs)
      signal.addEventListener('abort', end)
      this.#arrived = () => {
        if (this.#heard.has(payload)) end()
      }
    })
  }
}
