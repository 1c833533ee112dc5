// What `run` prints at the end: the task with the result or error of every step, as text or as one JSON document.
import { type JsonText, nullDocument, toJsonText } from '../model/json-text.ts'
import type { StepView, TaskView } from '../model/task.ts'
import { stepTime, stepTimeMs } from './progress-view.ts'
import { logJson, logText, type StepLogReader } from './step-log-document.ts'

/** Results and errors are passed on as text, so their numbers stay exact. Without `logs` the document does not speak of them. */
export function taskJson(task: TaskView, logs: StepLogReader | null): string {
  const steps = task.steps.map((step) => stepJson(step, logs)).join(',')
  const head = jsonMembers({
    task_uuid: toJsonText(task.taskId),
    namespace: toJsonText(task.namespace),
    name: toJsonText(task.name),
    version: toJsonText(task.version),
    state: toJsonText(task.state),
    created_at: toJsonText(task.createdAt),
    completed_at: toJsonText(task.completedAt),
  })
  return `{${head},"steps":[${steps}]}\n`
}

function stepJson(step: StepView, logs: StepLogReader | null): string {
  const members = jsonMembers({
    step_uuid: toJsonText(step.stepId),
    name: toJsonText(step.name),
    callable: toJsonText(step.callable),
    runtime: toJsonText(step.runtime),
    state: toJsonText(step.state),
    attempts: toJsonText(step.attempts),
    max_attempts: toJsonText(step.attemptsMax),
    started_at: toJsonText(step.startedAt),
    finished_at: toJsonText(step.finishedAt),
    time_ms: toJsonText(stepTimeMs(step)),
    result: step.result ?? nullDocument,
    error: step.error ?? nullDocument,
    ...(logs === null ? {} : logJson(logs(step))),
  })
  return `{${members}}`
}

function jsonMembers(members: Readonly<Record<string, JsonText>>): string {
  return Object.entries(members)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')
}

export function taskText(task: TaskView, logs: StepLogReader | null): string {
  const steps = task.steps.map((step) => {
    const outcome = step.error === null ? (step.result ?? '') : errorText(step.error)
    const written = logs === null ? '' : logText(step, logs(step))
    return `\n${step.name}${outcome === '' ? `: ${step.state}` : ''}\n${outcome === '' ? '' : `  ${outcome}\n`}${written}`
  })
  return `${steps.join('')}\n${task.namespace}/${task.name}@${task.version} ${task.state} in ${taskTime(task)} (${task.taskId})\n`
}

function errorText(error: JsonText): string {
  const parsed: unknown = JSON.parse(error)
  const message = typeof parsed === 'object' && parsed !== null && 'message' in parsed ? String(parsed.message) : error
  const type =
    typeof parsed === 'object' && parsed !== null && 'error_type' in parsed ? ` (${String(parsed.error_type)})` : ''
  return `failed: ${message}${type}`
}

/** To the last change that counts; a failed task has no completion. */
function taskTime(task: TaskView): string {
  const finished =
    task.completedAt ??
    task.steps
      .map((step) => step.finishedAt ?? '')
      .toSorted()
      .at(-1) ??
    ''
  return stepTime({ startedAt: task.createdAt, finishedAt: finished === '' ? null : finished }) || 'no time'
}
