// One template file: YAML to a checked template in its stored form, or problems with their places.
import { isMap, LineCounter, parseDocument } from 'yaml'
import { emptyObject, type JsonText, nullDocument, toJsonText } from '../../model/json-text.ts'
import { inputSchemaChecks } from '../../model/task.ts'
import { identityStrategies, stepCountProblem, type TaskTemplate, type TemplateProblem } from '../../model/template.ts'
import { checkSteps } from '../../model/template-check.ts'
import { readEnvironments, type StepOverride, warnOfStrangers } from './environments.ts'
import { inputSchemaFault } from './input-schema.ts'
import { jsonArray, jsonObject } from './json-writer.ts'
import { readLifecycle } from './lifecycle.ts'
import { type ReadStep, readStep } from './step-reader.ts'
import { YamlField, type YamlSource } from './yaml-field.ts'

export interface TemplateFileResult {
  /** null: not to be loaded, or no template at all. */
  readonly template: TaskTemplate | null
  readonly problems: readonly TemplateProblem[]
  /** False: none of the keys that make a template, so the file is something else. */
  readonly isTemplate: boolean
}

const templateKeys = [
  'name',
  'namespace_name',
  'version',
  'description',
  'metadata',
  'system_dependencies',
  'domain_events',
  'input_schema',
  'input_schema_check',
  'steps',
  'environments',
  'lifecycle',
  'identity_strategy',
]
const definingKeys = ['steps', 'name', 'namespace_name']
const namespaceRule = {
  lengthMax: 29,
  pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
  allowed: 'letters, digits and underscores, not beginning with a digit',
}

/** `environment`: whose `environments` are applied; null: none. Lengths are those of the database columns. Source: wire-protocol §1.3, §9.1. */
export function readTemplate(file: string, text: string, environment: string | null = null): TemplateFileResult {
  const lines = new LineCounter()
  const document = parseDocument(text, { intAsBigInt: true, lineCounter: lines, prettyErrors: false })
  const problems: TemplateProblem[] = []
  const source: YamlSource = { file, document, lines, problems }
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0])
    problems.push({ severity: 'error', file, message: `${file}:${line}:${col}: ${error.message}` })
  }
  const { contents } = document
  const isTemplate = isMap(contents) && definingKeys.some((key) => contents.has(key))
  if (problems.length > 0 || !isTemplate)
    return { template: null, problems, isTemplate: isTemplate || problems.length > 0 }
  const root = new YamlField(source, { path: '', node: contents, parent: null })
  const template = templateOf(root, environment)
  const usable = !problems.some((problem) => problem.severity === 'error')
  return { template: usable ? template : null, problems, isTemplate: true }
}

function templateOf(root: YamlField, environment: string | null): TaskTemplate {
  root.expectKeys(templateKeys)
  const identity = {
    namespace: root.field('namespace_name').require().text(namespaceRule) ?? '',
    name: root.field('name').require().text({ lengthMax: 64 }) ?? '',
    version: root.field('version').require().text({ lengthMax: 16 }) ?? '',
    description: root.field('description').text({ lengthMax: 255 }),
  }
  const overrides = readEnvironments(root.field('environments'))
  const steps = readSteps(
    root.field('steps'),
    overrides.filter((override) => override.environment === environment),
  )
  warnOfStrangers(
    overrides,
    steps.map(({ step }) => step.name),
  )
  const schemaField = root.field('input_schema')
  const inputSchema = schemaField.json()
  const schemaFault = inputSchema === null ? null : inputSchemaFault(inputSchema)
  if (schemaFault !== null) schemaField.error(schemaFault)
  return {
    ...identity,
    steps: steps.map(({ step }) => step),
    inputSchema,
    configuration: storedTemplate(root, { ...identity, inputSchema, steps }),
  }
}

function readSteps(field: YamlField, overrides: readonly StepOverride[]): ReadStep[] {
  const items = field.require().items()
  if (!field.absent && items.length === 0) field.error('must have at least one step')
  const tooMany = stepCountProblem(items.length)
  if (tooMany !== null) {
    field.error(tooMany)
    return []
  }
  const steps = items.map((item) => readStep(item, overrides))
  for (const { stepIndex, message } of checkSteps(steps.map(({ step }) => step))) {
    const step = items[stepIndex]?.field('name')
    step?.error(message)
  }
  return steps
}

interface Stored extends Pick<TaskTemplate, 'namespace' | 'name' | 'version' | 'description' | 'inputSchema'> {
  readonly steps: readonly ReadStep[]
}

/** Source: wire-protocol §9.1. */
function storedTemplate(root: YamlField, read: Stored): JsonText {
  const identity = root.field('identity_strategy').word(identityStrategies)
  const schemaCheck = root.field('input_schema_check').word(inputSchemaChecks)
  const dependencies = toJsonText({ primary: 'default', secondary: [] })
  return jsonObject({
    name: toJsonText(read.name),
    namespace_name: toJsonText(read.namespace),
    version: toJsonText(read.version),
    description: toJsonText(read.description),
    metadata: root.field('metadata').jsonObject() ?? nullDocument,
    system_dependencies: root.field('system_dependencies').jsonObject() ?? dependencies,
    domain_events: jsonArray(
      root
        .field('domain_events')
        .items()
        .flatMap((event) => event.json() ?? []),
    ),
    input_schema: read.inputSchema ?? nullDocument,
    steps: jsonArray(read.steps.map(({ stored }) => stored)),
    // Ours: only where an author wrote it.
    ...(identity === null ? {} : { identity_strategy: toJsonText(identity) }),
    ...(schemaCheck === null ? {} : { input_schema_check: toJsonText(schemaCheck) }),
    environments: root.field('environments').jsonObject() ?? emptyObject,
    lifecycle: readLifecycle(root.field('lifecycle')) ?? nullDocument,
  })
}
