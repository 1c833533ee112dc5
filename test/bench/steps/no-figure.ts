// Why the bench prints no number at all.

/** A step was lost or ran twice: whatever was measured, it was not the work. */
export class NoFigure extends Error {
  readonly system: string
  readonly offences: readonly string[]

  constructor(system: string, offences: readonly string[]) {
    super(`${system}: ${offences.join('; ')}`)
    this.system = system
    this.offences = offences
  }
}
