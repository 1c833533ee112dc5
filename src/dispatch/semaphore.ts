// The one semaphore: a permit for every step that runs. Its tokens are async-sema's; the guard against double release is ours.

import { Sema } from 'async-sema'
import { HostError } from '../model/host-error.ts'

export interface Permit {
  /** Gives the permit back, once; a second time is a defect of the host and throws SEMAPHORE_MISUSED. */
  release(): void
}

export class Semaphore {
  readonly size: number
  readonly #tokens: Sema
  readonly #onRelease: () => void
  #taken = 0

  /** `onRelease` runs after each permit that came back: there is room for a step. */
  constructor(size: number, onRelease: () => void = () => {}) {
    this.size = size
    this.#tokens = new Sema(size)
    this.#onRelease = onRelease
  }

  get free(): number {
    return this.size - this.#taken
  }

  /** Takes what is free now, at most `permitsMax`; never waits. */
  take(permitsMax = this.size): Permit[] {
    const permits: Permit[] = []
    while (permits.length < permitsMax) {
      const token = this.#tokens.tryAcquire()
      if (token === undefined) break
      permits.push(this.#permit())
    }
    return permits
  }

  #permit(): Permit {
    let held = true
    this.#taken += 1
    return {
      release: () => {
        if (!held) throw new HostError('SEMAPHORE_MISUSED', 'A permit was released twice')
        held = false
        this.#taken -= 1
        this.#tokens.release()
        this.#onRelease()
      },
    }
  }
}
