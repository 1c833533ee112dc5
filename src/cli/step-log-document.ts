// What a step wrote, as `run --logs` shows it: lines below the step, or members of the step in the JSON document.
import { type JsonText, nullDocument, toJsonText } from '../model/json-text.ts'
import type { KeptLine, StepLog } from '../model/step-log.ts'
import type { StepView } from '../model/task.ts'

/** null: another process ran the step, and its lines are there. */
export type StepLogReader = (step: StepView) => StepLog | null

/** `logs` is null where the lines are with another process. Fields are passed on as text, so their numbers stay exact. */
export function logJson(log: StepLog | null): Readonly<Record<string, JsonText>> {
  if (log === null) return { logs: nullDocument, logs_dropped: nullDocument }
  return { logs: `[${log.lines.map(lineJson).join(',')}]` as JsonText, logs_dropped: toJsonText(log.dropped) }
}

function lineJson({ time, stream, level, line, fields }: KeptLine): string {
  const members = toJsonText({ time, stream, level, line })
  return fields === null ? members : `${members.slice(0, -1)},"fields":${fields}}`
}

/** Empty when the step wrote nothing. */
export function logText(step: StepView, log: StepLog | null): string {
  if (log === null)
    return `    | (this step ran in another process${workerOf(step)}; what it wrote is in the log there)\n`
  const dropped = log.dropped === 0 ? '' : `    | (${log.dropped} older lines were dropped)\n`
  return `${dropped}${log.lines.map(lineText).join('')}`
}

/** A logger may write several lines at once. What it wrote shows its level; prints show their stream where it is not the usual one. */
function lineText({ stream, level, line, fields }: KeptLine): string {
  const source = stream === 'log' ? `${level}: ` : stream === 'stderr' ? 'stderr: ' : ''
  return `    | ${source}${line.replaceAll('\n', '\n    | ')}${fields === null ? '' : ` ${fields}`}\n`
}

/** The stored result says who made it (wire-protocol §5.1); one that was written by others may not. */
function workerOf({ results }: StepView): string {
  const envelope: unknown = results === null ? null : JSON.parse(results)
  const metadata = memberOf(envelope, 'metadata')
  const names = [memberOf(metadata, 'worker_id'), memberOf(metadata, 'worker_hostname')]
  const [worker, host] = names.map((name) => (typeof name === 'string' ? name : null))
  return worker === null || worker === undefined ? '' : `, ${worker}${host === null ? '' : ` on ${host}`}`
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : null
}
