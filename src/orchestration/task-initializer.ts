// Turns a request into a task: template, limits, schema, then everything in one statement.

import { HostError, messageOf } from '../model/host-error.ts'
import type { NewTask, NewTaskAnswer, OrchestrationStore, StoredTemplate } from '../model/orchestration-store.ts'
import type { TaskRequest, TaskView } from '../model/task.ts'
import { templateKey } from '../model/template.ts'
import { type ContextLimits, contextLimitDefaults, contextProblem } from './context-limits.ts'
import { InputSchemas } from './input-schema.ts'
import { type KeptTemplate, KeptTemplates } from './kept-templates.ts'
import { TaskCreations } from './task-creations.ts'

export interface TaskInitializerOptions {
  readonly store: OrchestrationStore
  readonly limits?: ContextLimits
  /** False: a template with batches makes no task. */
  readonly batchesEnabled?: boolean
  /** A sentence about a task that was made although something is odd about it. */
  readonly onWarning: (message: string) => void
}

const labelCharsMax = 128
const tagsMax = 1_000
const uuidPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const unstorable = /\p{Surrogate}|\0/u

export class TaskInitializer {
  readonly #store: OrchestrationStore
  readonly #creations: TaskCreations
  readonly #templates: KeptTemplates
  readonly #limits: ContextLimits
  readonly #batchesEnabled: boolean
  readonly #onWarning: (message: string) => void
  readonly #schemas = new InputSchemas()

  constructor(options: TaskInitializerOptions) {
    this.#store = options.store
    this.#creations = new TaskCreations(options.store)
    this.#templates = new KeptTemplates(options.store)
    this.#limits = options.limits ?? contextLimitDefaults
    this.#batchesEnabled = options.batchesEnabled ?? true
    this.#onWarning = options.onWarning
  }

  /** Resolves with the task as it was made. Rejects with TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, BATCHES_DISABLED, TASK_INVALID or TASK_DUPLICATE. */
  async create(request: TaskRequest): Promise<TaskView> {
    checkFields(request)
    const answer = (await this.#tryKept(request)) ?? (await this.#createLoaded(request))
    switch (answer.status) {
      case 'created':
        return answer.task
      case 'duplicate':
        throw new HostError('TASK_DUPLICATE', 'A task with this identity already exists')
      case 'invalid':
        throw new HostError('TASK_INVALID', answer.reason)
      case 'outdated':
        throw new HostError('DATABASE_FAULT', `The template ${selectionKey(request)} is refused just after it was read`)
    }
  }

  /** null: the template that is kept is none, or out of date, or refuses the task and must be looked at before that is said. */
  async #tryKept(request: TaskRequest): Promise<NewTaskAnswer | null> {
    const kept = this.#templates.get(request)
    if (kept === null) return null
    const checked = this.#checkedBy(kept, request)
    if (checked instanceof HostError) return null
    const { template, steps } = kept
    const answer = await this.#create({ template, steps, ...checked, request, unlessOutdated: true })
    return answer.status === 'outdated' ? null : answer
  }

  async #createLoaded(request: TaskRequest): Promise<NewTaskAnswer> {
    const loaded = (await this.#templates.load(request)) ?? (await this.#missing(request))
    const checked = this.#checkedBy(loaded, request)
    if (checked instanceof HostError) throw checked
    const { template, steps } = loaded
    return this.#create({ template, steps, ...checked, request, unlessOutdated: false })
  }

  async #create(task: NewTask): Promise<NewTaskAnswer> {
    const answer = await this.#creations.create(task)
    const { template, warning } = task
    if (warning !== null && answer.status === 'created') this.#onWarning(`${templateKey(template)}: ${warning}`)
    return answer
  }

  async #missing(request: TaskRequest): Promise<never> {
    const known = await this.#store.templateKeys(request.namespace)
    const registered = known.length === 0 ? 'no template is registered' : `registered: ${known.join(', ')}`
    throw new HostError('TEMPLATE_NOT_FOUND', `Task template not found: ${selectionKey(request)}; ${registered}`)
  }

  /** A refusal is a value here: one that an old template gives rise to is said to nobody. */
  #checkedBy(kept: KeptTemplate, request: TaskRequest): Pick<NewTask, 'warning'> | HostError {
    const { template } = kept
    try {
      this.#checkTemplate(kept)
      checkIdentity(request, template)
      return { warning: this.#checkContext(request, template) }
    } catch (error) {
      if (error instanceof HostError) return error
      throw error
    }
  }

  #checkTemplate({ template, fault }: KeptTemplate): void {
    if (template.steps.length === 0) {
      throw new HostError('TEMPLATE_INVALID', `The template ${templateKey(template)} has no steps`)
    }
    if (fault !== null) throw new HostError('TEMPLATE_INVALID', `The template ${templateKey(template)} ${fault}`)
    const batch = this.#batchesEnabled ? undefined : template.steps.find(({ type }) => type === 'batchable')
    if (batch !== undefined) {
      const key = 'orchestration.batch_processing.enabled'
      const place = `The step "${batch.name}" of the template ${templateKey(template)}`
      throw new HostError('BATCHES_DISABLED', `${place} makes batches, and ${key} is false`)
    }
  }

  /** What the task is made in spite of; null: nothing. */
  #checkContext(request: TaskRequest, template: StoredTemplate): string | null {
    const bytes = Buffer.byteLength(request.context)
    if (bytes > this.#limits.bytesMax) {
      throw new HostError('TASK_INVALID', `context has ${bytes} bytes; at most ${this.#limits.bytesMax} are allowed`)
    }
    const context = parsedCopy(request.context)
    const problem = contextProblem(context, this.#limits)
    if (problem !== null) throw new HostError('TASK_INVALID', problem)
    const check = template.inputSchemaCheck ?? request.inputSchema
    if (check === 'off' || template.inputSchema === null) return null
    const violations = this.#schemas.violations(template.inputSchema, context)
    if (violations.length === 0) return null
    const message = `the context does not fit the template's input_schema: ${violations.join('; ')}`
    if (check === 'enforce') throw new HostError('TASK_INVALID', message)
    return message
  }
}

function selectionKey({ namespace, name, version }: TaskRequest): string {
  return `${namespace}/${name}${version === null ? '' : `@${version}`}`
}

/** A fresh identity is the caller's word as well. */
function checkIdentity(request: TaskRequest, template: StoredTemplate): void {
  const key = request.idempotencyKey ?? null
  if (key === '') throw new HostError('TASK_INVALID', 'idempotency_key must not be empty')
  if (key !== null) checkText('idempotency_key', key)
  if (key !== null || request.freshIdentity || template.identityStrategy !== 'caller_provided') return
  throw new HostError(
    'TASK_INVALID',
    `idempotency_key is missing: the identity_strategy of the template ${templateKey(template)} is caller_provided`,
  )
}

/** For looking only; what is stored is the text itself (design D13). */
function parsedCopy(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HostError('TASK_INVALID', `context is not JSON: ${messageOf(error)}`)
  }
}

function checkFields(request: TaskRequest): void {
  const texts = {
    namespace: request.namespace,
    name: request.name,
    ...(request.version === null ? {} : { version: request.version }),
  }
  for (const [field, text] of Object.entries(texts)) {
    if (text === '') throw new HostError('TASK_INVALID', `${field} must not be empty`)
    checkText(field, text)
  }
  const labels = { initiator: request.initiator, source_system: request.sourceSystem, reason: request.reason }
  for (const [field, text] of Object.entries(labels)) {
    checkText(field, text)
    if ([...text].length > labelCharsMax) {
      throw new HostError('TASK_INVALID', `${field} has more than ${labelCharsMax} characters`)
    }
  }
  if (request.tags.length > tagsMax) throw new HostError('TASK_INVALID', `tags has more than ${tagsMax} entries`)
  for (const tag of request.tags) checkText('tags', tag)
  const { priority } = request
  if (priority !== null && (priority | 0) !== priority) {
    throw new HostError('TASK_INVALID', 'priority must be an integer of 32 bits')
  }
  const ids = { correlation_id: request.correlationId, parent_correlation_id: request.parentCorrelationId }
  for (const [field, id] of Object.entries(ids)) {
    if (id !== null && !uuidPattern.test(id)) throw new HostError('TASK_INVALID', `${field} must be a UUID`)
  }
}

function checkText(field: string, text: string): void {
  if (unstorable.test(text))
    throw new HostError('TASK_INVALID', `${field} holds characters that PostgreSQL cannot store`)
}
