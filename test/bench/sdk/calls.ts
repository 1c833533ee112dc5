// What the TypeScript SDK adds to a call: a step from its request to its entry, against the same work in a bare function.
// Prints {"import_ms", "bare_us", "sdk_us"}; medians of rounds.

const startedAt = performance.now()
const { StepHandler } = await import('../../../runtimes/typescript/src/stephost.ts')
const importMs = performance.now() - startedAt
const { Call } = await import('../../../runtimes/typescript/src/call.ts')
const { Executor } = await import('../../../runtimes/typescript/src/executor.ts')
const { HandlerDirectory } = await import('../../../runtimes/typescript/src/handler-directory.ts')
const { LogSink } = await import('../../../runtimes/typescript/src/log-sink.ts')
type StepContext = import('../../../runtimes/typescript/src/stephost.ts').StepContext
type StepHandlerResult = import('../../../runtimes/typescript/src/stephost.ts').StepHandlerResult

const rounds = 15
const calls = 5_000
const names = { task_name: 't', task_version: '1', namespace_name: 'n' }
const task = JSON.stringify({ task: { task_uuid: 't', context: { name: 'Ada' } }, ...names })
const request = {
  ...{ step_uuid: 's', task_uuid: 't', correlation_id: 'c', step_name: 'greet', attempts: 0 },
  ...{ task, workflow_step: '{}', dependency_results: '{}', step_definition: '{}' },
}

class Greet extends StepHandler {
  static override handlerName = 'greet'

  async call(context: StepContext): Promise<StepHandlerResult> {
    return this.success({ greeting: `Hello, ${context.getInput<string>('name')}!` })
  }
}

const handler = { handlerClass: Greet, callable: 'greet', aliases: [], version: '1.0.0', file: 'greet.ts', root: '' }
const executor = new Executor(new HandlerDirectory([handler]))
const post = () => {}
const sink = new LogSink({ post, linesPerSecondMax: 1, now: () => 0 })
const message: import('../../../runtimes/typescript/src/messages.ts').ExecuteMessage = {
  type: 'execute',
  mode: 'single',
  ...{ call_id: 'c', callable: 'greet', deadline_ms: 1000, requests: [request] },
}
const call = new Call(message, { sink, post })

async function microseconds(work: () => unknown): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const begunAt = performance.now()
    for (let count = 0; count < calls; count += 1) await work()
    times.push(((performance.now() - begunAt) * 1000) / calls)
  }
  return times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0
}

async function bare(): Promise<string> {
  const { name } = (JSON.parse(task) as { task: { context: { name: string } } }).task.context
  return JSON.stringify({ greeting: `Hello, ${name}!` })
}

const figures = {
  import_ms: importMs,
  bare_us: await microseconds(bare),
  sdk_us: await microseconds(() => executor.run(message, request, call)),
}
const rounded = Object.entries(figures).map(([name, value]) => [name, Math.round(value * 100) / 100])
console.log(JSON.stringify(Object.fromEntries(rounded)))
