// Whether a kill came in the midst of the work: one that hits nobody's work says nothing of how it is taken up.
import { NoFigure } from './no-figure.ts'

/** Rejects the run unless half of the work was done before the kill, and the killed one `held` some of it. */
export function requireHeldWork(
  system: string,
  { count, doneBefore, held }: { count: number; doneBefore: number; held: boolean },
): void {
  if (doneBefore < count / 2) {
    throw new NoFigure(system, [`only ${doneBefore} of ${count} were done before the kill, and no more came`])
  }
  if (!held) {
    throw new NoFigure(system, [
      `the kill hit no work after ${doneBefore} of ${count} were done; larger --tasks leave time for it`,
    ])
  }
}
