// The workflow of a new project: an order, with a step for each language that was chosen.

import type { RuntimeName } from '../model/handler.ts'

interface OrderStep {
  /** That of the example too. */
  readonly name: string
  /** What happens in it, as a clause. */
  readonly does: string
  /** Steps before it in the list. */
  readonly dependencies: readonly string[]
  /** Of the handler: scalars. */
  readonly initialization?: Readonly<Record<string, unknown>>
  /** Further lines of the step. */
  readonly more?: readonly string[]
  /** Fields of the task that it reads: their schemas as lines, and a value. */
  readonly inputs: Readonly<Record<string, { readonly schema: readonly string[]; readonly value: unknown }>>
}

export interface ProjectStep extends OrderStep {
  readonly language: RuntimeName
  readonly callable: string
}

const orderSteps: readonly OrderStep[] = [
  {
    name: 'price_order',
    does: 'an order is priced',
    dependencies: [],
    initialization: { tax_percent: 19 },
    inputs: {
      items: {
        schema: [
          'type: array',
          'minItems: 1',
          'items:',
          '  type: object',
          '  required: [quantity, unit_price_cents]',
          '  properties:',
          '    quantity: { type: integer, minimum: 1 }',
          '    unit_price_cents: { type: integer, minimum: 0 }',
        ],
        value: [{ sku: 'TEA-100', quantity: 2, unit_price_cents: 590 }],
      },
    },
  },
  {
    name: 'reserve_stock',
    does: 'its stock is reserved',
    dependencies: ['price_order'],
    more: ['retry: { max_attempts: 3, backoff: exponential, backoff_base_ms: 200 }'],
    inputs: { warehouse: { schema: ['type: string', 'minLength: 1'], value: 'north' } },
  },
  {
    name: 'charge_card',
    does: 'the card is charged',
    dependencies: ['price_order'],
    more: ['timeout_seconds: 10', 'retry: { max_attempts: 3, backoff: exponential, backoff_base_ms: 200 }'],
    inputs: {
      card: {
        schema: ['type: string', 'description: declined fails for good, flaky fails once and is retried'],
        value: 'good',
      },
    },
  },
  {
    name: 'send_receipt',
    does: 'a receipt is sent',
    dependencies: ['reserve_stock', 'charge_card'],
    more: [
      'publishes_events:',
      '  - name: receipt.sent',
      '    description: The customer has the receipt.',
      '    schema: { type: object, required: [to] }',
      '    delivery_mode: fast',
      '    publisher: receipt_publisher',
    ],
    inputs: { email: { schema: ['type: string', 'format: email'], value: 'ada@example.com' } },
  },
]

/** Rust has examples of the first two steps. */
const rustStepsMax = 2
const namespace = 'shop'
export const workflowName = `${namespace}/process_order`

/** At least two steps, so that one depends on another; else one for each language. */
export function projectSteps(languages: readonly [RuntimeName, ...RuntimeName[]]): readonly ProjectStep[] {
  const others = languages.filter((language) => language !== 'rust')
  const rustFits = languages.indexOf('rust') < rustStepsMax
  const ordered = rustFits ? languages : [...others.slice(0, 1), 'rust' as const, ...others.slice(1)]
  return orderSteps.slice(0, Math.max(2, ordered.length)).map((step, index) => {
    return { ...step, language: ordered[index] ?? languages[0], callable: `${namespace}.${step.name}` }
  })
}

/** `an order is priced (typescript), its stock is reserved (python)`. */
export function whatHappens(steps: readonly ProjectStep[]): string {
  return steps.map(({ does, language }) => `${does} (${language})`).join(', ')
}

/** A context that the workflow accepts. */
export function exampleContext(steps: readonly ProjectStep[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(inputsOf(steps).map(([field, { value }]) => [field, value]))
}

/** `files`: the file of each step's handler, as the comment beside its callable shows it. */
export function workflowText(steps: readonly ProjectStep[], files: readonly string[]): string {
  const inputs = inputsOf(steps)
  return [
    `# Here ${whatHappens(steps)}.`,
    'name: process_order',
    `namespace_name: ${namespace}`,
    'version: 1.0.0',
    'input_schema_check: enforce # a context that does not fit is refused; warn: the task is made, with a warning; off',
    'input_schema:',
    '  type: object',
    `  required: [${inputs.map(([field]) => field).join(', ')}]`,
    '  properties:',
    ...inputs.flatMap(([field, { schema }]) => [`    ${field}:`, ...indented(schema, 6)]),
    'steps:',
    steps.map((step, index) => stepText(step, files[index] ?? '')).join('\n\n'),
    '',
  ].join('\n')
}

function stepText({ name, callable, dependencies, initialization, more }: ProjectStep, file: string): string {
  return [
    `  - name: ${name}`,
    '    handler:',
    `      callable: ${callable} # ${file}`,
    ...(initialization === undefined ? [] : [`      initialization: ${flowMapping(initialization)}`]),
    ...(dependencies.length === 0 ? [] : [`    dependencies: [${dependencies.join(', ')}]`]),
    ...indented(more ?? [], 4),
  ].join('\n')
}

function flowMapping(values: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(values).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return `{ ${pairs.join(', ')} }`
}

function inputsOf(steps: readonly ProjectStep[]) {
  return steps.flatMap(({ inputs }) => Object.entries(inputs))
}

function indented(lines: readonly string[], spaces: number): string[] {
  return lines.map((line) => `${' '.repeat(spaces)}${line}`)
}
