// `stephost invoke`: runs one handler without any database.
import { randomUUID } from 'node:crypto'
import { type OpenedAdapters, openAdapters } from '../host-adapters.ts'
import { type HandlerDescriptor, type RuntimeName, runtimeNames } from '../model/handler.ts'
import { chooseHandler, findHandlers } from '../model/handler-choice.ts'
import type { CallId } from '../model/ids.ts'
import { nullDocument, toJsonText } from '../model/json-text.ts'
import { suggestion } from '../model/nearest-name.ts'
import type { LogRecord, RuntimeAdapter } from '../model/runtime-adapter.ts'
import type { StepRequest } from '../model/step-request.ts'
import type { StepFailure, StepOutcome, StepResult } from '../model/step-result.ts'
import { type CliCommand, type CommandInput, textOption } from './cli-command.ts'
import type { CommandContext } from './command-context.ts'
import { exitCodes, UsageError } from './failure.ts'
import { readRequest } from './invoke-input.ts'
import { invokedStepName } from './invoke-request.ts'
import { secondsArgument } from './json-argument.ts'
import { stopSignals } from './signals.ts'

export const invokeCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) =>
    command
      .argument('[callable]', 'the name that `stephost handlers` shows')
      .option('--context <json>', 'the task context: a JSON object, or @FILE (default: {})')
      .option('--deps <json>', 'step name → what that step returned: a JSON object, or @FILE (default: {})')
      .option('--init <json>', "the step's handler.initialization: a JSON object, or @FILE (default: {})")
      .option('--request <file>', 'replay a stored step request, in place of a callable and its documents')
      .option('--runtime <language>', 'rust, ruby, python or typescript, when several have the callable')
      .option('--timeout <seconds>', 'cancel the handler after this time (default: the handler timeout)'),
  run: async (context, input) => {
    const request = readRequest(input)
    const timeout = textOption(input, 'timeout')
    const timeoutMs =
      timeout === null
        ? (request.timeoutMs ?? context.config.worker.handlerTimeoutMs)
        : secondsArgument('--timeout', timeout)
    const runtime = runtimeOption(input)
    const { config, handlerRoots, log } = context
    const options = { config, handlerRoots, processesMax: 1, log: (record: LogRecord) => log.handler(record) }
    const opened = await openAdapters(options)
    try {
      const handler = requireHandler(request, opened, runtime)
      const adapter = opened.adapters.find(({ name }) => name === handler.runtime)
      if (adapter === undefined) throw new UsageError(`No ${handler.runtime} runtime is open`, 'Run `stephost doctor`.')
      const called = { ...request, handler: { ...request.handler, callable: handler.callable } }
      const result = await call(context, { adapter, request: called, timeoutMs })
      return print(context, result)
    } finally {
      await Promise.all(opened.adapters.map((adapter) => adapter.stop()))
    }
  },
}

function runtimeOption(input: CommandInput): RuntimeName | null {
  const wanted = textOption(input, 'runtime')
  if (wanted === null) return null
  const runtime = runtimeNames.find((name) => name === wanted)
  if (runtime !== undefined) return runtime
  throw new UsageError(`--runtime "${wanted}" is no language`, `Write one of ${runtimeNames.join(', ')}.`)
}

function requireHandler(request: StepRequest, opened: OpenedAdapters, runtime: RuntimeName | null): HandlerDescriptor {
  const { callable } = request.handler
  const all = opened.adapters.flatMap((adapter) => adapter.handlers())
  const handlers = all.filter((handler) => runtime === null || handler.runtime === runtime)
  // The name of the step counts as in the worker; a request made from the command line has no step of its own.
  const found = findHandlers(handlers, callable, request.stepName === invokedStepName ? callable : request.stepName)
  const chosen = chooseHandler(found, { runtime: null, root: null })
  if (chosen !== null) return chosen
  if (found.length > 0) {
    const places = found.map(({ file, runtime: language }) => `${file} (${language})`).join(' and ')
    throw new UsageError(`"${callable}" is declared in ${places}`, 'Choose with --runtime, or rename one.')
  }
  const failures = opened.adapters.flatMap((adapter) => adapter.loadFailures())
  const lines = [
    ...failures.map(({ file, message }) => `\n  not loaded: ${file}: ${message}`),
    ...opened.unavailable.map(({ runtime: language, error }) => `\n  not available: ${language}: ${error.message}`),
  ]
  const names = handlers.flatMap((handler) => [handler.callable, ...handler.aliases])
  throw new UsageError(
    `No handler "${callable}"${suggestion(callable, names)}${lines.join('')}`,
    'Run `stephost handlers` for the names that are loaded.',
  )
}

/** A signal and the deadline both ask the handler to stop; the adapter then settles the call within its grace. */
async function call(
  { log }: CommandContext,
  { adapter, request, timeoutMs }: { adapter: RuntimeAdapter; request: StepRequest; timeoutMs: number },
): Promise<StepResult> {
  const id = randomUUID() as CallId
  const signals = stopSignals({ force: () => process.exit(exitCodes.workFailed) })
  const deadline = setTimeout(() => adapter.cancel(id, 'timeout'), timeoutMs)
  signals.stopping.addEventListener('abort', () => adapter.cancel(id, 'shutdown'))
  try {
    const deadlineAt = performance.now() + timeoutMs
    const [result] = await adapter.execute(
      { id, requests: [request], deadlineAt, mode: 'single', event: null },
      {
        started: () => {},
        log: (record) => log.handler(record),
        checkpoint: (_step, data) => {
          log.info({ checkpoint: data }, 'a checkpoint, which nobody stores here')
          return Promise.resolve({ stored: true, message: null })
        },
      },
    )
    if (result === undefined) throw new Error(`the ${adapter.name} adapter gave no result`)
    return result
  } finally {
    clearTimeout(deadline)
    signals.close()
  }
}

function print({ output, json }: CommandContext, result: StepResult): number {
  if (json) {
    const error = result.success ? nullDocument : errorDocument(result)
    const value = result.success ? result.result : nullDocument
    const more = result.success && result.outcome !== null ? outcomeMember(result.outcome) : ''
    output.write(
      `{"success":${result.success},"result":${value},"error":${error},"metadata":${result.metadata}${more}}\n`,
    )
  } else if (result.success) {
    const { outcome } = result
    output.write(outcome?.kind === 'checkpoint' ? `paused at ${outcome.document}\n` : `${result.result}\n`)
  } else {
    const retry = result.retryable ? 'may be retried' : 'is not retried'
    output.write(
      `failed: ${result.message} (${result.errorType}; ${retry})\n${result.backtrace.map((line) => `  ${line}\n`).join('')}`,
    )
  }
  return result.success ? exitCodes.done : exitCodes.workFailed
}

/** Only decisions, batches and checkpoints have one. */
function outcomeMember({ kind, document }: StepOutcome): string {
  return `,"outcome":{"kind":"${kind}","document":${document}}`
}

function errorDocument(failure: StepFailure): string {
  const { message, errorType, errorCode, retryable, retryAfterS, backtrace } = failure
  const members = toJsonText({
    message,
    error_type: errorType,
    error_code: errorCode,
    retryable,
    retry_after_s: retryAfterS,
    backtrace,
  })
  return `${members.slice(0, -1)},"context":${failure.context}}`
}
