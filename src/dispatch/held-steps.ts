// The steps that this worker holds, from the answer of the claim to the answer of the completion.

import type { ClaimId, ClaimToken } from '../model/ids.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import type { OwnedStep } from '../model/step-store.ts'

export class HeldSteps {
  readonly #steps = new Map<ClaimToken, ClaimedStep>()
  /** Steps that should have gone back to the queue, while nobody knows whether they did. */
  readonly #unreturned = new Map<ClaimToken, ClaimedStep>()
  readonly #claimsInFlight = new Set<ClaimId>()

  get size(): number {
    return this.#steps.size
  }

  /** Steps that the database has under our name as far as we know: those that are held, and those whose way back failed. */
  get owned(): readonly ClaimedStep[] {
    return [...this.#steps.values(), ...this.#unreturned.values()]
  }

  /** Of the steps that run or wait here. */
  get claims(): readonly ClaimToken[] {
    return [...this.#steps.keys()]
  }

  /** A claim has not been answered. */
  get isClaiming(): boolean {
    return this.#claimsInFlight.size > 0
  }

  get unreturned(): readonly ClaimedStep[] {
    return [...this.#unreturned.values()]
  }

  claimBegins(claimId: ClaimId): void {
    this.#claimsInFlight.add(claimId)
  }

  claimEnds(claimId: ClaimId, steps: readonly ClaimedStep[]): void {
    for (const step of steps) this.#steps.set(step.token, step)
    this.#claimsInFlight.delete(claimId)
  }

  has(step: ClaimedStep): boolean {
    return this.#steps.has(step.token)
  }

  letGo(step: ClaimedStep): void {
    this.#steps.delete(step.token)
  }

  /** Lets go of those, and answers with what was held of them. */
  take(claims: readonly ClaimToken[]): readonly ClaimedStep[] {
    const taken = claims.flatMap((claim) => this.#steps.get(claim) ?? [])
    for (const step of taken) this.letGo(step)
    return taken
  }

  letGoOfAll(): void {
    this.#steps.clear()
    this.#unreturned.clear()
  }

  /** Nobody runs them here any more; `returned` when the database has answered. */
  returning(steps: readonly ClaimedStep[]): void {
    for (const step of steps) {
      this.#steps.delete(step.token)
      this.#unreturned.set(step.token, step)
    }
  }

  returned(steps: readonly { readonly token: ClaimToken }[]): void {
    for (const { token } of steps) this.#unreturned.delete(token)
  }

  /** Of the steps under our name in the database: those that no answer ever told us of (design D1: unknown claims). */
  unknown(owned: readonly OwnedStep[]): readonly OwnedStep[] {
    return owned.filter(
      (step) => !this.#steps.has(step.token) && !(step.claimId !== null && this.#claimsInFlight.has(step.claimId)),
    )
  }
}
