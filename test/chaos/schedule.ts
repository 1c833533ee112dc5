// What a seed means: how many workers, in which mode, and which blows fall after how many results. The same seed is always the same schedule.

export const actionKinds = [
  'kill-worker',
  'kill-sidecar',
  'kill-backends',
  'restart-database',
  'cut-listener',
  'pause-worker',
  'drop-answers',
  'drain-worker',
  'kill-orchestrator',
] as const
export type ActionKind = (typeof actionKinds)[number]

/** `fast` lets PostgreSQL finish; `immediate` does not; `killed` is kill -9 of the server; `crash` is kill -9 of one backend, after which it recovers by itself. */
export const restartKinds = ['fast', 'immediate', 'killed', 'crash'] as const
export type RestartKind = (typeof restartKinds)[number]

export type Action =
  | { readonly kind: 'kill-worker' | 'kill-backends' | 'cut-listener' | 'drain-worker'; readonly worker: number }
  | { readonly kind: 'kill-sidecar'; readonly worker: number; readonly language: 'python' | 'ruby' }
  | { readonly kind: 'restart-database'; readonly how: RestartKind }
  /** Stopped until it is declared dead, then let go on; `alone`: its sidecars go on meanwhile. */
  | { readonly kind: 'pause-worker'; readonly worker: number; readonly alone: boolean }
  | { readonly kind: 'drop-answers'; readonly worker: number; readonly statement: DroppedStatement }
  | { readonly kind: 'kill-orchestrator' }

/** How the names of prepared statements begin. */
export const droppedStatements = ['claim:', 'complete-steps', 'hydrate-steps', 'store-checkpoint'] as const
export type DroppedStatement = (typeof droppedStatements)[number]

export interface ScheduledAction {
  /** Results that the database has taken before the action begins; those of one number begin together. */
  readonly afterResults: number
  readonly action: Action
}

export interface Schedule {
  readonly seed: number
  readonly mode: 'Hybrid' | 'PollingOnly' | 'EventDrivenOnly'
  readonly workers: number
  readonly actions: readonly ScheduledAction[]
}

export interface ScheduleSize {
  /** Results that the work takes at least. */
  readonly results: number
  readonly actions: number
}

const modes = ['Hybrid', 'Hybrid', 'PollingOnly', 'EventDrivenOnly'] as const

export function scheduleOf(seed: number, size: ScheduleSize): Schedule {
  const random = new SeededRandom(seed)
  const mode = random.oneOf(modes)
  const workers = 2 + random.below(3)
  const actions: ScheduledAction[] = []
  let afterResults = 0
  for (let count = 0; count < size.actions; count += 1) {
    // Every fourth begins together with the one before it.
    const together = count > 0 && random.below(4) === 0
    if (!together) afterResults = Math.ceil((size.results * (count + random.fraction())) / (size.actions + 1))
    const action = actionOf(random, workers)
    // Where nobody listens there is no listener to cut.
    const fits = mode !== 'PollingOnly' || action.kind !== 'cut-listener'
    actions.push({ afterResults, action: fits ? action : { ...action, kind: 'kill-backends' } })
  }
  return { seed, mode, workers, actions }
}

function actionOf(random: SeededRandom, workers: number): Action {
  const kind = random.oneOf(actionKinds)
  const worker = random.below(workers)
  switch (kind) {
    case 'kill-sidecar':
      return { kind, worker, language: random.oneOf(['python', 'ruby'] as const) }
    case 'restart-database':
      return { kind, how: random.oneOf(restartKinds) }
    case 'pause-worker':
      return { kind, worker, alone: random.below(2) === 0 }
    case 'drop-answers':
      return { kind, worker, statement: random.oneOf(droppedStatements) }
    case 'kill-orchestrator':
      return { kind }
    default:
      return { kind, worker }
  }
}

export function actionText(action: Action): string {
  const { kind, ...details } = action
  return [kind, ...Object.entries(details).map(([key, value]) => `${key}=${value}`)].join(' ')
}

export function scheduleText({ seed, mode, workers, actions }: Schedule): string {
  const lines = actions.map(({ afterResults, action }) => `  after ${afterResults} results: ${actionText(action)}`)
  return [`seed ${seed}: ${workers} workers, ${mode}`, ...lines].join('\n')
}

/** The small generator mulberry32: 32 bits of state are plenty for choosing blows. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  oneOf<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new Error('there is nothing to choose from')
    return value
  }
}
