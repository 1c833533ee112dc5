// The one contract of everything that runs: start may fail, stop waits, stop twice and stop before start are legal.

export interface Lifecycle {
  /** Resolves when the part is ready for work; rejects with a HostError and leaves nothing running. */
  start(): Promise<void>
  /** Resolves when nothing of the part runs any more. Never rejects. */
  stop(): Promise<void>
}
