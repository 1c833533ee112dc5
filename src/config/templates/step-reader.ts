// One step of a template file: checked fields, and its stored form.
import { emptyObject, type JsonText, toJsonText } from '../../model/json-text.ts'
import { type StepTemplate, stepTypes } from '../../model/template.ts'
import { changesFor, type StepOverride } from './environments.ts'
import { jsonArray, jsonObject } from './json-writer.ts'
import { readSettings } from './step-settings.ts'
import type { YamlField } from './yaml-field.ts'

export interface ReadStep {
  readonly step: StepTemplate
  readonly stored: JsonText
  readonly line: number
}

const stepKeys = [
  'name',
  'description',
  'handler',
  'type',
  'step_type',
  'system_dependency',
  'dependencies',
  'depends_on',
  'retry',
  'timeout_seconds',
  'publishes_events',
  'batch_config',
  'result_schema',
  'composition',
]
const handlerKeys = ['callable', 'method', 'resolver', 'initialization']
const batchKeys = ['batch_size', 'parallelism', 'cursor_field', 'worker_template', 'failure_strategy']
const eventKeys = ['name', 'description', 'condition', 'schema', 'delivery_mode', 'publisher']

const stepNameLengthMax = 128
const callableLengthMax = 500

/** What is wrong is reported to the field's source; the step is then not to be used. `overrides`: those of the environment that is applied. */
export function readStep(field: YamlField, overrides: readonly StepOverride[]): ReadStep {
  field.expectKeys(stepKeys)
  const handler = field.field('handler').require()
  handler.expectKeys(handlerKeys)
  const name = field.field('name').require().text({ lengthMax: stepNameLengthMax }) ?? ''
  const { timeoutS, retry, initialization } = readSettings(field, changesFor(overrides, name))
  const step: StepTemplate = {
    name,
    type: field.field('type', 'step_type').word(stepTypes) ?? 'standard',
    callable: callableOf(handler),
    method: handler.field('method').text(),
    resolver: handler.field('resolver').text(),
    dependencies: field
      .field('dependencies', 'depends_on')
      .items()
      .flatMap((item) => item.require().text() ?? []),
    retry,
    timeoutMs: timeoutS === null ? null : timeoutS * 1000,
    initialization: initialization === emptyObject ? null : initialization,
  }
  return { step, stored: storedStep(field, step, timeoutS), line: field.line }
}

function callableOf(handler: YamlField): string {
  return handler.absent ? '' : (handler.field('callable').require().text({ lengthMax: callableLengthMax }) ?? '')
}

/** Source: wire-protocol §9.2; absent optionals are null, the last two are left out. */
function storedStep(field: YamlField, step: StepTemplate, timeoutS: number | null): JsonText {
  const { retry } = step
  const resultSchema = field.field('result_schema').json()
  const composition = field.field('composition').json()
  return jsonObject({
    name: toJsonText(step.name),
    description: toJsonText(field.field('description').text()),
    handler: jsonObject({
      callable: toJsonText(step.callable),
      method: toJsonText(step.method),
      resolver: toJsonText(step.resolver),
      initialization: step.initialization ?? emptyObject,
    }),
    type: toJsonText(step.type),
    system_dependency: toJsonText(field.field('system_dependency').text()),
    dependencies: toJsonText(step.dependencies),
    retry: toJsonText({
      retryable: retry.retryable,
      max_attempts: retry.attemptsMax,
      backoff: retry.backoff,
      backoff_base_ms: retry.backoffBaseMs,
      max_backoff_ms: retry.backoffMaxMs,
    }),
    timeout_seconds: toJsonText(timeoutS),
    publishes_events: storedEvents(field.field('publishes_events')),
    batch_config: storedBatch(field.field('batch_config')),
    ...(resultSchema === null ? {} : { result_schema: resultSchema }),
    ...(composition === null ? {} : { composition }),
  })
}

function storedEvents(field: YamlField): JsonText {
  const events = field.items()
  for (const event of events) {
    event.expectKeys(eventKeys)
    event.field('name').require().text()
  }
  return jsonArray(events.flatMap((event) => event.json() ?? []))
}

function storedBatch(field: YamlField): JsonText {
  if (!field.absent) {
    field.expectKeys(batchKeys)
    field.field('batch_size').require().integer({ min: 1, max: 100_000 })
    field.field('parallelism').require().integer({ min: 1, max: 1000 })
    for (const name of ['cursor_field', 'worker_template', 'failure_strategy']) field.field(name).require().text()
  }
  return field.json() ?? toJsonText(null)
}
