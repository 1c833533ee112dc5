// What `stephost invoke` is to run: a request made from the command line's documents, or one read from a file.
import type { StepRequest } from '../model/step-request.ts'
import { readStoredRequest } from '../model/stored-request.ts'
import { type CommandInput, textOption } from './cli-command.ts'
import { UsageError } from './failure.ts'
import { invokeRequest } from './invoke-request.ts'
import { jsonObjectArgument, readArgumentFile } from './json-argument.ts'

/** Throws a UsageError that names the option, and the file where there is one. */
export function readRequest(input: CommandInput): StepRequest {
  const file = textOption(input, 'request')
  const [callable] = input.positional
  if (file !== null) {
    refuseOthers(input)
    return readFile(file)
  }
  if (callable === undefined) {
    throw new UsageError(
      'No callable is named',
      'Write `stephost invoke CALLABLE`, or `stephost invoke --request FILE`.',
    )
  }
  return invokeRequest({
    callable,
    context: jsonObjectArgument('--context', textOption(input, 'context') ?? '{}'),
    dependencies: jsonObjectArgument('--deps', textOption(input, 'deps') ?? '{}'),
    initialization: jsonObjectArgument('--init', textOption(input, 'init') ?? '{}'),
  })
}

function refuseOthers(input: CommandInput): void {
  const [callable] = input.positional
  const option = ['context', 'deps', 'init'].find((name) => textOption(input, name) !== null)
  if (callable === undefined && option === undefined) return
  const other = callable === undefined ? `--${option}` : `the callable "${callable}"`
  throw new UsageError(
    `--request and ${other} exclude each other`,
    'The stored request names the callable and holds all of its documents; edit the file to change them.',
  )
}

function readFile(file: string): StepRequest {
  const request = readStoredRequest(readArgumentFile('--request', file, 'Name a file that stephost stored.'))
  if (typeof request !== 'string') return request
  throw new UsageError(`--request ${file}: ${request}`, 'Name a file that stephost stored, unchanged in its shape.')
}
