// `stephost run`: submits a task, follows it live step by step, prints the results; the exit code says how it ended.
import { Host } from '../host.ts'
import { openDatabase } from '../host-database.ts'
import { checkCallables } from '../model/callable-check.ts'
import { HostError } from '../model/host-error.ts'
import type { JsonText } from '../model/json-text.ts'
import { type LoadedTemplate, templateKey } from '../model/template.ts'
import { type CliCommand, type CommandInput, flagOption, textOption } from './cli-command.ts'
import type { CommandContext } from './command-context.ts'
import { exitCodes } from './failure.ts'
import { jsonObjectArgument, secondsArgument } from './json-argument.ts'
import { ProgressView } from './progress-view.ts'
import { type StopSignals, stopSignals } from './signals.ts'
import type { StepLogReader } from './step-log-document.ts'
import { taskJson, taskText } from './task-document.ts'
import { followTask } from './task-follower.ts'
import { findTemplate, readTaskName, type TaskName } from './task-name.ts'

interface RunInput {
  readonly wanted: TaskName
  readonly context: JsonText
  /** False: a second task with the same context is refused, as everywhere else. */
  readonly fresh: boolean
  readonly timeoutMs: number
  readonly logs: boolean
}

const timeoutDefaultS = '600'

export const runCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) =>
    command
      .argument('<workflow>', 'NAMESPACE/NAME or NAMESPACE/NAME@VERSION')
      .option('--context <json>', 'the task context: a JSON object, or @FILE', '{}')
      .option('--logs', 'print what each step wrote below the step')
      .option('--once', 'refuse a task whose context was already run')
      .option('--timeout <seconds>', 'give up after this time', timeoutDefaultS),
  run: async (context, input) => {
    const run = readInput(input)
    let host: Host | null = null
    const signals = stopSignals({ force: () => host?.forceStop() })
    try {
      const { config, log, handlerRoots } = context
      const database = await openDatabase(config, { dataDir: context.dataDir, log: (line) => log.info({}, line) })
      try {
        const parts = { worker: true, orchestrator: true, rest: false }
        const { dataDir } = context
        host = new Host({ config, log, handlerRoots, dataDir, databaseUrl: database.url, parts, strict: false })
        await host.start()
        return signals.exitCode() ?? (await submitAndFollow(context, { host, run, signals }))
      } finally {
        await host?.stop()
        await database.stop()
      }
    } finally {
      signals.close()
    }
  },
}

function readInput(input: CommandInput): RunInput {
  return {
    wanted: readTaskName(input.positional[0] ?? ''),
    context: jsonObjectArgument('--context', textOption(input, 'context') ?? '{}'),
    fresh: !flagOption(input, 'once'),
    logs: flagOption(input, 'logs'),
    timeoutMs: secondsArgument('--timeout', textOption(input, 'timeout') ?? timeoutDefaultS),
  }
}

async function submitAndFollow(
  context: CommandContext,
  { host, run, signals }: { host: Host; run: RunInput; signals: StopSignals },
): Promise<number> {
  const loaded = findTemplate(run.wanted, host.templates, host.problems)
  requireHandlers(context, host, loaded)
  const { namespace, name, version } = loaded.template
  const { taskId } = await host.tasks.createTask({
    namespace,
    name,
    version,
    context: run.context,
    initiator: 'stephost run',
    sourceSystem: 'stephost',
    reason: 'command line',
    tags: [],
    priority: null,
    correlationId: null,
    parentCorrelationId: null,
    freshIdentity: run.fresh,
    inputSchema: context.config.orchestration.inputSchemaCheck,
  })
  const view = context.json ? null : new ProgressView(context.output)
  if (view !== null && context.output.terminal) context.log.wrapWrites((write) => view.stepAside(write))
  const { timeoutMs } = run
  const end = await followTask({
    tasks: host.tasks,
    events: host.taskEvents,
    taskId,
    timeoutMs,
    stopping: signals.stopping,
    changed: (progress) => view?.show(progress),
  })
  context.log.wrapWrites((write) => write())
  const task = await host.tasks.task(taskId)
  const logs = run.logs ? stepLogReader(host) : null
  context.output.write(context.json ? taskJson(task, logs) : taskText(task, logs))
  if (end === 'timeout')
    context.log.error({ task: taskId }, `not finished after ${timeoutMs / 1000} s; the task stays as it is`)
  if (end === 'stopped') return signals.exitCode() ?? exitCodes.workFailed
  return task.state === 'complete' || task.state === 'resolved_manually' ? exitCodes.done : exitCodes.workFailed
}

/** A step that no handler ran has no lines; one that ran elsewhere has them there. */
function stepLogReader(host: Host): StepLogReader {
  return (step) => host.logsOf(step.stepId) ?? (step.startedAt === null ? { lines: [], dropped: 0 } : null)
}

/** A task whose callable nobody here has would wait for another worker; someone who types `run` wants to know at once. */
function requireHandlers({ config }: CommandContext, host: Host, loaded: LoadedTemplate): void {
  const { namespaces } = config.runtimes
  const options = { namespaces, strict: true, resolvers: host.resolvers() }
  const problems = checkCallables([loaded], host.handlers(), options).map(({ message }) => message)
  if (problems.length === 0) return
  const failures = host.loadFailures().map(({ file, message }) => `not loaded: ${file}: ${message}`)
  const missing = host.unavailable.map(({ runtime, error }) => `not available: ${runtime}: ${error.message}`)
  const lines = [...problems, ...failures, ...missing].join('\n  ')
  throw new HostError('TEMPLATE_INVALID', `${templateKey(loaded.template)} cannot run here:\n  ${lines}`)
}
