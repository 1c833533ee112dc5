// The one semaphore: a permit for every call that runs. Its tokens are async-sema's; views, weights, resizing and the guard are ours.

import { Sema } from 'async-sema'
import { HostError } from '../model/host-error.ts'
import { type PermitCharge, type PermitLimits, type PermitUse, type PermitView, PermitViews } from './permit-views.ts'

export interface Permit {
  /** Gives the permit back, once; a second time is a defect of the host and throws SEMAPHORE_MISUSED. */
  release(): void
}

/** `full`: what is in the way; null: the tokens of all steps. */
export type Taking = { readonly permit: Permit } | { readonly permit: null; readonly full: PermitView | null }

interface HeldPermit {
  /** null: no handler is known for the step, so that only the tokens count. */
  use(): PermitUse | null
  readonly weight: number
  charges: readonly PermitCharge[]
}

const unknownUse = () => null

export class Semaphore {
  readonly #tokens: Sema
  readonly #views: PermitViews
  readonly #onRelease: () => void
  readonly #held = new Set<HeldPermit>()
  #size: number
  /** Tokens that exist: free ones and taken ones. More than `#size` for a while after it shrank. */
  #tokensMade: number
  #taken = 0

  /** `onRelease` runs after each permit that came back, and after each change of the limits: there may be room for a step. */
  constructor(limits: PermitLimits, onRelease: () => void = () => {}) {
    this.#size = limits.permitsMax
    this.#tokensMade = limits.permitsMax
    this.#tokens = new Sema(limits.permitsMax)
    this.#views = new PermitViews(limits)
    this.#onRelease = onRelease
  }

  get size(): number {
    return this.#size
  }

  get taken(): number {
    return this.#taken
  }

  /** Tokens. */
  get free(): number {
    return Math.max(0, this.#size - this.#taken)
  }

  /** True when it matters who asks for a permit. */
  get isDivided(): boolean {
    return this.#views.any
  }

  views(): readonly PermitView[] {
    return this.#views.all()
  }

  weightOf(use: PermitUse): number {
    return this.#views.weightOf(use)
  }

  /** The views that the step would count in, and with how much. */
  chargesOf(use: PermitUse): readonly PermitCharge[] {
    return this.#views.chargesOf(use)
  }

  /**
   * A permit for one call, or what is in the way; never waits. All views are tried before a token is taken, and the tokens are taken
   * together: a step that does not fit takes nothing. `use` is asked when it matters, perhaps only after a later change of the limits.
   */
  take(use: () => PermitUse | null = unknownUse): Taking {
    const known = this.#views.any ? use() : null
    const charges = known === null ? [] : this.#views.chargesOf(known)
    const full = charges.find(({ view, amount }) => view.limit !== null && view.used + amount > view.limit)
    if (full !== undefined) return { permit: null, full: full.view }
    const weight = this.#views.weightOf(known)
    if (this.free < weight) return { permit: null, full: null }
    for (let token = 0; token < weight; token += 1) {
      if (this.#tokens.tryAcquire() === undefined) throw new HostError('SEMAPHORE_MISUSED', 'A token was lost')
    }
    this.#taken += weight
    return { permit: this.#permit({ use, weight, charges: charged(charges) }) }
  }

  /** Running steps keep what they took: tokens above a smaller limit vanish as they come back. Steps that run already count in new views. */
  resize(limits: PermitLimits): void {
    this.#size = limits.permitsMax
    this.#views.resize(limits)
    for (const permit of this.#views.any ? this.#held : []) {
      const use = permit.use()
      const views = new Set(permit.charges.map(({ view }) => view))
      const more = use === null ? [] : this.#views.chargesOf(use).filter(({ view }) => !views.has(view))
      permit.charges = [...permit.charges, ...charged(more)]
    }
    this.#settle()
    this.#onRelease()
  }

  #permit(held: HeldPermit): Permit {
    this.#held.add(held)
    return {
      release: () => {
        if (!this.#held.delete(held)) throw new HostError('SEMAPHORE_MISUSED', 'A permit was released twice')
        for (const { view, amount } of held.charges) view.used -= amount
        this.#taken -= held.weight
        for (let token = 0; token < held.weight; token += 1) this.#tokens.release()
        this.#settle()
        this.#onRelease()
      },
    }
  }

  /** As many tokens as the limit says, as far as those that are taken let it be so. */
  #settle(): void {
    while (this.#tokensMade > this.#size && this.#tokens.tryAcquire() !== undefined) this.#tokensMade -= 1
    for (; this.#tokensMade < this.#size; this.#tokensMade += 1) this.#tokens.release()
  }
}

function charged(charges: readonly PermitCharge[]): readonly PermitCharge[] {
  for (const { view, amount } of charges) view.used += amount
  return charges
}
