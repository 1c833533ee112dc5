// What is kept of a step that killed every process it ran in: a file with its request, and a failure that says how to replay it.

import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../model/host-error.ts'
import { toJsonText } from '../../model/json-text.ts'
import { shellWord } from '../../model/shell-word.ts'
import type { StepRequest } from '../../model/step-request.ts'
import { hostFailure, type StepFailure } from '../../model/step-result.ts'
import { storedRequest } from '../../model/stored-request.ts'
import type { Death } from './death.ts'

export interface PoisonedStep {
  readonly request: StepRequest
  readonly deaths: number
  /** The sentence about the last death. */
  readonly problem: string
  /** null: the process broke the wire and its end is not known yet. */
  readonly death: Death | null
  readonly lastLines: readonly string[]
  readonly ranMs: number
}

export interface EvidenceOptions {
  readonly directory: string | null
  /** What `stephost invoke` must be told to load the same handlers in the same way. */
  readonly replayOptions: readonly string[]
}

/** A bound on the disk: the oldest file goes. */
const filesMax = 200

/** A permanent failure: another attempt would kill another process. */
export function poisonFailure(step: PoisonedStep, options: EvidenceOptions): StepFailure {
  const { request, deaths, problem, death, lastLines, ranMs } = step
  const stored = storeRequest(request, options.directory)
  const replay = stored.file === null ? null : replayLine(stored.file, options.replayOptions)
  const cure = replay === null ? stored.problem : `Replay it: ${replay}`
  const message = `The handler ended its process ${deaths} times, the last time alone in it: ${sentence(problem)} ${cure}`
  const evidence = {
    deaths,
    exit_code: death?.exitCode ?? null,
    signal: death?.signal ?? null,
    rss_bytes: death?.rssBytes ?? null,
    last_output: lastLines.length > 0 ? lastLines : (death?.lastLines ?? []),
    request_file: stored.file,
    replay,
  }
  return {
    ...hostFailure(request.stepId, 'handler_lost', message, ranMs),
    retryable: false,
    context: toJsonText(evidence),
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function storeRequest(request: StepRequest, directory: string | null): { file: string | null; problem: string } {
  if (directory === null) return { file: null, problem: 'Its request was not stored.' }
  try {
    // What tasks carry is nobody else's business.
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const file = path.join(directory, `${request.stepId}.json`)
    writeFileSync(file, storedRequest(request), { mode: 0o600 })
    forgetOldest(directory)
    return { file, problem: '' }
  } catch (error) {
    return { file: null, problem: `Its request could not be stored: ${messageOf(error)}` }
  }
}

function forgetOldest(directory: string): void {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => path.join(directory, name))
  if (files.length <= filesMax) return
  const writtenAt = new Map(files.map((file) => [file, statSync(file).mtimeMs]))
  const byAge = files.toSorted((left, right) => (writtenAt.get(left) ?? 0) - (writtenAt.get(right) ?? 0))
  for (const file of byAge.slice(0, -filesMax)) rmSync(file, { force: true })
}

function replayLine(file: string, options: readonly string[]): string {
  return ['stephost', 'invoke', '--request', file, ...options].map(shellWord).join(' ')
}
