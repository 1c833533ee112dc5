// Schedules as fast-check draws them: workflows of every shape, who runs them, and the blows that fall meanwhile.
import fc from 'fast-check'
import type { TransitionHistory } from '../../../src/model/orchestration-store.ts'
import { type Ending, type PlannedStep, type PlannedTask, plannedStep, workerOf } from './plan.ts'

export const queues = ['steps', 'results'] as const
export type Queue = (typeof queues)[number]

/** The part dies at its statement `statements` from now. `unsaid`: the statement is not run. `unheard`: it is run, and nobody hears the answer. */
interface Crash {
  readonly kind: 'crash-worker' | 'crash-orchestrator'
  readonly which: number
  readonly statements: number
  readonly how: 'unsaid' | 'unheard'
}

export type Blow =
  | Crash
  | { readonly kind: 'cancel'; readonly task: number; readonly by: number }
  | {
      readonly kind: 'operate'
      readonly task: number
      readonly by: number
      readonly step: number
      readonly action: Action
    }
  | { readonly kind: 'duplicate' | 'reorder' | 'garbage'; readonly queue: Queue }

export const actions = ['reset_for_retry', 'resolve_manually', 'complete_manually'] as const
export type Action = (typeof actions)[number]

export interface ScheduledBlow {
  /** Statements of all parts together, from the start of the schedule. */
  readonly afterStatements: number
  readonly blow: Blow
}

export interface Schedule {
  readonly orchestrators: number
  readonly workers: number
  /** False: everything is found by polling. */
  readonly wakeUps: boolean
  readonly history: TransitionHistory
  /** Every task is treated as one of many steps. */
  readonly large: boolean
  readonly tasks: readonly PlannedTask[]
  readonly blows: readonly ScheduledBlow[]
}

interface StepDraw {
  readonly endings: readonly Ending[]
  readonly attemptsMax: number
  readonly retryable: boolean
  readonly lastsMs: number
  /** Which of the steps so far it depends on, counted from the end. */
  readonly parents: readonly number[]
}

type Part =
  | { readonly kind: 'steps'; readonly steps: readonly StepDraw[] }
  | {
      readonly kind: 'decision'
      readonly maker: StepDraw
      readonly branches: readonly { readonly steps: readonly StepDraw[]; readonly chosen: boolean }[]
      readonly end: StepDraw
      readonly bad: boolean
    }
  | {
      readonly kind: 'batch'
      readonly maker: StepDraw
      readonly worker: StepDraw
      readonly end: StepDraw
      readonly cursors: number
      readonly placeholder: boolean
      readonly strategy: PlannedStep['strategy']
      readonly bad: boolean
    }

const weighted = <T>(...choices: readonly (readonly [weight: number, value: T])[]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))

const ending = weighted<Ending>([24, 'ok'], [6, 'retry'], [1, 'fail'])
const step: fc.Arbitrary<StepDraw> = fc.record({
  endings: fc.array(ending, { maxLength: 3 }),
  attemptsMax: weighted([1, 1], [2, 2], [9, 4]),
  retryable: weighted([14, true], [1, false]),
  lastsMs: weighted([8, 0], [1, 5], [1, 30]),
  parents: fc.array(fc.nat(5), { maxLength: 3 }),
})
const rarely = weighted([24, false], [1, true])

const part: fc.Arbitrary<Part> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('steps' as const),
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('decision' as const),
      maker: step,
      branches: fc.array(
        fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 2 }), chosen: weighted([2, true], [1, false]) }),
        { minLength: 1, maxLength: 3 },
      ),
      end: step,
      bad: rarely,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      ...{ maker: step, worker: step, end: step, bad: rarely },
      cursors: weighted([1, 0], [2, 1], [3, 3], [1, 6]),
      placeholder: fc.boolean(),
      strategy: weighted<PlannedStep['strategy']>([1, 'continue_on_failure'], [1, 'fail_fast'], [1, 'isolate']),
    }),
  },
)

const which = fc.nat(1)
const crash = (kind: Crash['kind']): fc.Arbitrary<Blow> =>
  fc.record({
    kind: fc.constant(kind),
    which,
    statements: fc.nat(8),
    how: weighted<Crash['how']>([1, 'unsaid'], [1, 'unheard']),
  })
const blow: fc.Arbitrary<Blow> = fc.oneof(
  { weight: 5, arbitrary: crash('crash-worker') },
  { weight: 4, arbitrary: crash('crash-orchestrator') },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), task: fc.nat(2), by: which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant('operate' as const), task: fc.nat(2), by: which, step: fc.nat(20) },
      action: fc.constantFrom(...actions),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('duplicate' as const, 'reorder' as const, 'garbage' as const),
      queue: fc.constantFrom(...queues),
    }),
  },
)

export const schedules: fc.Arbitrary<Schedule> = fc
  .record({
    orchestrators: fc.integer({ min: 1, max: 2 }),
    workers: fc.integer({ min: 1, max: 2 }),
    wakeUps: weighted([3, true], [1, false]),
    tasks: fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    blows: fc.array(fc.record({ afterStatements: fc.nat(150), blow }), { maxLength: 5 }),
    history: weighted<TransitionHistory>([3, 'full'], [1, 'end_states']),
    large: weighted([2, false], [1, true]),
  })
  .map(({ tasks, blows, ...who }) => ({
    ...who,
    tasks: tasks.map((parts, index) => plannedTask(`t${index}`, parts)),
    blows: blows.toSorted((a, b) => a.afterStatements - b.afterStatements),
  }))

/** Later parts depend on what earlier ones end with, so decisions lie behind branches of others, and joins behind several of them. */
export function plannedTask(name: string, parts: readonly Part[]): PlannedTask {
  const steps: PlannedStep[] = []
  const ends: string[] = []
  const add = (draw: StepDraw, more: Partial<PlannedStep>): string => {
    const own = `${name}_s${steps.length}`
    const parents = [...new Set(draw.parents.flatMap((back) => ends.at(-1 - back) ?? []))]
    const { parents: _parents, ...drawn } = draw
    const planned = plannedStep(own, { ...drawn, after: parents, ...more })
    steps.push(planned)
    return planned.name
  }
  const root = () => ends[0] ?? ends[ends.push(add(simple, { after: [] })) - 1] ?? ''
  for (const part of parts) {
    if (part.kind === 'steps') {
      ends.push(...part.steps.map((draw) => add(draw, {})))
    } else if (part.kind === 'decision') {
      const above = root()
      const maker = add(part.maker, { type: 'decision' })
      const place = steps.length - 1
      if (steps[place]?.after.length === 0) steps[place] = { ...steps[place], after: [above] }
      const branches = part.branches.map((branch) => branchNames(branch.steps, maker, add))
      const chosen = branches.flatMap(([first], index) =>
        part.branches[index]?.chosen && first !== undefined ? [first] : [],
      )
      steps[place] = { ...(steps[place] as PlannedStep), chooses: part.bad ? 'bad' : chosen }
      const tails = branches.flatMap((names) => names.at(-1) ?? [])
      ends.push(...tails, add(part.end, { type: 'deferred_convergence', after: tails }))
    } else {
      const { cursors, placeholder, strategy, bad } = part
      const maker = add(part.maker, { type: 'batchable', cursors: bad ? 'bad' : cursors, placeholder })
      const worker = add(part.worker, { name: workerOf(maker), type: 'batch_worker', after: [maker], strategy })
      ends.push(maker, add(part.end, { type: 'deferred_convergence', after: [worker] }))
    }
  }
  return { name, steps }
}

function branchNames(
  draws: readonly StepDraw[],
  maker: string,
  add: (draw: StepDraw, more: Partial<PlannedStep>) => string,
): readonly string[] {
  const names: string[] = []
  for (const draw of draws) names.push(add(draw, { after: [names.at(-1) ?? maker] }))
  return names
}

const simple: StepDraw = { endings: [], attemptsMax: 3, retryable: true, lastsMs: 0, parents: [] }
export function scheduleText(schedule: Schedule): string {
  const { orchestrators, workers, wakeUps, history, large, tasks, blows } = schedule
  const lines = tasks.flatMap((task) =>
    task.steps.map((one) => {
      const outcome =
        one.type === 'decision' ? ` → ${String(one.chooses)}` : one.type === 'batchable' ? ` → ${one.cursors}` : ''
      const retry = `${one.endings.join('/') || 'ok'} of ${one.attemptsMax}${one.retryable ? '' : ', not retryable'}`
      return `  ${one.name} (${one.type}) after [${one.after.join(', ')}]${outcome}: ${retry}`
    }),
  )
  const falls = blows.map(
    ({ afterStatements, blow: one }) => `  after ${afterStatements} statements: ${JSON.stringify(one)}`,
  )
  const who = `${orchestrators} orchestrators, ${workers} workers, ${wakeUps ? 'with' : 'without'} wake-ups, history ${history}${large ? ', as large tasks' : ''}`
  return [who, ...lines, ...falls].join('\n')
}
