// tasker.v1.StepService: the step routes of REST as calls. Source: orchestration-semantics §7.

import type { JsonText } from '../../model/json-text.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import type { StepView, TaskService } from '../../model/task.ts'
import { checkedUuid } from '../rest/route.ts'
import { readStepAction } from '../rest/step-action-request.ts'
import { foundStep } from '../rest/step-routes.ts'
import { auditMessage, stepMessage } from './messages.ts'
import type { Message, Service } from './method.ts'
import { jsonObject, sentDocument, sentMessage } from './protobuf-document.ts'
import { sentText } from './sent-fields.ts'

export interface StepServiceParts {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
}

export function stepService({ tasks, reads }: StepServiceParts): Service {
  return {
    name: 'tasker.v1.StepService',
    file: 'tasker/v1/steps.proto',
    methods: {
      GetStep: { permission: 'steps:read', answer: async (request) => stepMessage(await named(reads, request)) },
      ListSteps: {
        permission: 'steps:read',
        answer: async (request) => {
          const steps = await tasks.steps(checkedUuid(sentText(request, 'task_uuid')))
          return { steps: steps.map(stepMessage) }
        },
      },
      ResolveStep: {
        permission: 'steps:resolve',
        answer: async (request) => {
          const { taskId, stepId } = await named(reads, request)
          const body = actionBody(request, sentMessage(request, 'completion_data'))
          return stepMessage(await tasks.actOnStep(taskId, stepId, readStepAction(body)))
        },
      },
      GetStepAudit: {
        permission: 'steps:read',
        answer: async (request) => auditMessage(await reads.stepAudit((await named(reads, request)).stepId)),
      },
    },
  }
}

function named(reads: OrchestrationReads, request: Message): Promise<StepView> {
  return foundStep(reads, { uuid: sentText(request, 'task_uuid'), step: sentText(request, 'step_uuid') })
}

function actionBody({ completion_data: _, ...request }: Message, data: Message | null): JsonText {
  if (data === null) return jsonObject(request, {})
  const sent = (name: string) => sentDocument(name, sentMessage(data, name), data[`${name}_json`])
  const completion = jsonObject({}, { result: sent('result'), metadata: sent('metadata') })
  return jsonObject(request, { completion_data: completion })
}
