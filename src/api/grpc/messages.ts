// Tasks, steps and what belongs to them as messages: the documents of REST with enums, times and Structs. Source: orchestration-semantics §6, §7.

import type { JsonText } from '../../model/json-text.ts'
import { nullDocument } from '../../model/json-text.ts'
import type { TaskBackground } from '../../model/orchestration-reads.ts'
import { rawElements, rawMember } from '../../model/raw-member.ts'
import type { StepView, TaskProgress, TaskView } from '../../model/task.ts'
import { type StepState, settledTaskStates, type TaskState } from '../../model/task-state.ts'
import { stepFields, taskFields } from '../rest/task-documents.ts'
import { summaryDocument } from '../rest/task-summary-document.ts'
import type { Message } from './method.ts'
import { documentFields, timestamp, withTimes } from './protobuf-document.ts'

export function taskMessage(task: TaskView): Message {
  const { steps, ...fields } = taskFields(task, taskState(task.state))
  return {
    ...withTimes(fields),
    ...documentFields('context', task.context),
    tags: JSON.parse(task.tags ?? '[]'),
    steps: steps.map(stepOfTask),
  }
}

export function contextMessage({ taskId, context }: TaskView): Message {
  return { task_uuid: taskId, ...documentFields('context', context) }
}

export function summaryMessage(task: TaskView, background: TaskBackground): Message {
  const {
    task: own,
    steps,
    ...rest
  } = JSON.parse(summaryDocument(task, background)) as {
    readonly task: Message
    readonly steps: readonly Message[]
  }
  return {
    ...rest,
    task: { ...withTimes(own), status: taskState(task.state) },
    steps: steps.map((step) => stepOfTask(step)),
  }
}

export function statusMessage({ taskId, state, steps }: TaskProgress): Message {
  return {
    task_uuid: taskId,
    status: taskState(state),
    timestamp: timestamp(new Date().toISOString()),
    steps: steps.map((step) => ({
      ...{ step_uuid: step.stepId, name: step.name, current_state: stepState(step.state) },
      ...{ attempts: step.attempts, max_attempts: step.attemptsMax },
    })),
    settled: settledTaskStates.has(state),
  }
}

export function stepMessage(step: StepView): Message {
  return { ...stepOfTask(stepFields(step)), ...documentFields('results', step.results) }
}

/** `audit`: the array that REST sends. */
export function auditMessage(audit: JsonText): Message {
  return { entries: rawElements(audit).map(auditEntry) }
}

function auditEntry(text: JsonText): Message {
  const { result: _, from_state, to_state, ...fields } = JSON.parse(text) as Message
  return {
    ...withTimes(fields),
    ...(typeof from_state === 'string' ? { from_state: stepState(from_state) } : {}),
    ...(typeof to_state === 'string' ? { to_state: stepState(to_state) } : {}),
    ...documentFields('result', rawMember(text, 'result') ?? nullDocument),
  }
}

function stepOfTask(fields: Message): Message {
  return { ...withTimes(fields), current_state: stepState(String(fields['current_state'])) }
}

function taskState(state: TaskState): string {
  return `TASK_STATE_${state.toUpperCase()}`
}

function stepState(state: StepState | string): string {
  return `STEP_STATE_${state.toUpperCase()}`
}
