// The steps of a running task: a view that is redrawn on a terminal, one line for every change in a pipe.
import { createColors } from 'picocolors'
import type { StepProgress, TaskProgress } from '../model/task.ts'
import type { StepState } from '../model/task-state.ts'
import type { Output } from './output.ts'

const marks: Readonly<Record<StepState, string>> = {
  pending: '·',
  enqueued: '○',
  in_progress: '▶',
  enqueued_for_orchestration: '✓',
  enqueued_as_error_for_orchestration: '✗',
  waiting_for_retry: '↻',
  complete: '✓',
  error: '✗',
  cancelled: '✗',
  resolved_manually: '✓',
}

/** States whose name says more about queues than about the step. */
const labels: Partial<Record<StepState, string>> = {
  enqueued_for_orchestration: 'finished',
  enqueued_as_error_for_orchestration: 'failed',
}

const newsworthy: ReadonlySet<StepState> = new Set([
  'in_progress',
  'waiting_for_retry',
  'complete',
  'error',
  'cancelled',
  'resolved_manually',
])

/** Between two redraws of the same state the times go on; no timer is needed, the follower's looks are enough. */
export class ProgressView {
  readonly #output: Output
  readonly #colors: ReturnType<typeof createColors>
  readonly #told = new Map<string, string>()
  #drawn: readonly string[] = []

  constructor(output: Output) {
    this.#output = output
    this.#colors = createColors(output.colors)
  }

  show(progress: TaskProgress): void {
    const width = Math.max(0, ...progress.steps.map(({ name }) => name.length))
    if (this.#output.terminal) this.#redraw(progress, width)
    else for (const step of progress.steps) this.#tell(step, width)
  }

  /** Writes a line of somebody else's above the view. */
  stepAside(write: () => void): void {
    this.#output.write(this.#erased())
    write()
    this.#output.write(this.#drawn.join(''))
  }

  #redraw(progress: TaskProgress, width: number): void {
    const lines = progress.steps.map((step) => this.#line(step, width))
    this.#output.write(`${this.#erased()}${lines.join('')}`)
    this.#drawn = lines
  }

  #erased(): string {
    return this.#drawn.length === 0 ? '' : `\u001b[${this.#drawn.length}A\u001b[J`
  }

  /** A step that waits for its turn, or whose result waits to be judged, is no news. */
  #tell(step: StepProgress, width: number): void {
    const news = `${step.state} ${step.attempts}`
    if (!newsworthy.has(step.state) || this.#told.get(step.stepId) === news) return
    this.#told.set(step.stepId, news)
    this.#output.write(this.#line(step, width))
  }

  #line(step: StepProgress, width: number): string {
    const attempts =
      step.attempts > 1 || step.state === 'waiting_for_retry' ? ` attempt ${step.attempts}/${step.attemptsMax}` : ''
    const details = `${(step.runtime ?? '').padEnd(10)} ${stepTime(step).padStart(8)}${attempts}`
    return `${this.#mark(step.state)} ${step.name.padEnd(width)}  ${(labels[step.state] ?? step.state).padEnd(11)}  ${this.#colors.dim(details)}`
      .trimEnd()
      .concat('\n')
  }

  #mark(state: StepState): string {
    const mark = marks[state]
    if (mark === '✓') return this.#colors.green(mark)
    return mark === '✗' ? this.#colors.red(mark) : this.#colors.cyan(mark)
  }
}

/** From the claim to the result; empty while it runs or before. */
export function stepTime(step: Pick<StepProgress, 'startedAt' | 'finishedAt'>): string {
  const timeMs = stepTimeMs(step)
  return timeMs === null ? '' : `${timeMs.toFixed(timeMs < 10 ? 1 : 0)} ms`
}

export function stepTimeMs(step: Pick<StepProgress, 'startedAt' | 'finishedAt'>): number | null {
  if (step.startedAt === null || step.finishedAt === null) return null
  return Math.max(0, microseconds(step.finishedAt) - microseconds(step.startedAt)) / 1000
}

/** Date knows milliseconds only; the database gives six digits. */
function microseconds(time: string): number {
  const fraction = /\.(\d{1,6})/.exec(time)?.[1] ?? '0'
  return Math.floor(Date.parse(time) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0'))
}
