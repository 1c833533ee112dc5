// How a command ends badly: the exit code and the two lines on descriptor 2.
import { type HostErrorCode, isHostError, messageOf } from '../model/host-error.ts'

export const exitCodes = { done: 0, workFailed: 1, usage: 2, environment: 3 } as const

/** What the person typed, or wrote into a file, is wrong; everything else is the environment. */
const usageCodes: ReadonlySet<HostErrorCode> = new Set([
  'CONFIG_INVALID',
  'HANDLERS_DIR_MISSING',
  'STEP_ACTION_INVALID',
  'STEP_NOT_FOUND',
  'STEP_TRANSITION_INVALID',
  'TASK_DUPLICATE',
  'TASK_FINISHED',
  'TASK_INVALID',
  'TASK_NOT_FOUND',
  'TEMPLATE_INVALID',
  'TEMPLATE_NOT_FOUND',
])

class ExplainedError extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** A mistake on the command line that commander cannot see. */
export class UsageError extends ExplainedError {}

/** The machine refuses what a command does by itself, without any part of the host. */
export class EnvironmentError extends ExplainedError {}

export interface Failure {
  readonly exitCode: number
  readonly text: string
}

/** Never a stack, unless STEPHOST_DEBUG is set. */
export function describeFailure(error: unknown, environment: NodeJS.ProcessEnv): Failure {
  const stack = (environment['STEPHOST_DEBUG'] ?? '') !== '' && error instanceof Error ? `${error.stack}\n` : ''
  if (error instanceof ExplainedError) {
    const exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.environment
    return { exitCode, text: `error: ${error.message}\nhint: ${error.hint}\n${stack}` }
  }
  if (isHostError(error)) {
    const exitCode = usageCodes.has(error.code) ? exitCodes.usage : exitCodes.environment
    return { exitCode, text: `error: ${error.message} (${error.code})\nhint: ${error.hint}\n${stack}` }
  }
  const hint = 'This is a defect of stephost; run again with STEPHOST_DEBUG=1 for its place.'
  return { exitCode: exitCodes.environment, text: `error: ${messageOf(error)}\nhint: ${hint}\n${stack}` }
}
