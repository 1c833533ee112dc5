// How long to wait before a guest is started again: capped exponential backoff with jitter.

import type { RestartOptions } from './sidecar-options.ts'

export interface RestartBackoffOptions extends RestartOptions {
  /** 0 … 1; `Math.random` outside tests. */
  random(): number
}

export class RestartBackoff {
  readonly #options: RestartBackoffOptions
  #deaths = 0

  constructor(options: RestartBackoffOptions) {
    this.#options = options
  }

  /** Deaths in a row without a stable life between them. */
  get deaths(): number {
    return this.#deaths
  }

  /** The wait after a life of `livedMs`. Half of it is jitter, so that many guests do not come back at once. */
  nextDelayMs(livedMs: number): number {
    const { baseMs, maxMs, stableMs, random } = this.#options
    this.#deaths = livedMs >= stableMs ? 1 : this.#deaths + 1
    const ceiling = Math.min(maxMs, baseMs * 2 ** (this.#deaths - 1))
    return Math.round(ceiling * (0.5 + random() / 2))
  }
}
