// Do the handlers that are loaded serve the templates that are loaded? Callables that nobody or several have, and handlers that do not fit.

import type { HandlerDescriptor, ResolverDescriptor, RuntimeName } from './handler.ts'
import { chooseHandler, findHandlers } from './handler-choice.ts'
import { suggestion } from './nearest-name.ts'
import { type LoadedTemplate, type StepTemplate, type TemplateProblem, templateKey } from './template.ts'
import { dependencyProblem, typeProblem } from './template-fit.ts'

export interface CallableCheckOptions {
  /** `runtimes.namespaces`. */
  readonly namespaces: Readonly<Record<string, RuntimeName>>
  /** A callable that nobody has is an error; else a warning, since another worker may have it. */
  readonly strict: boolean
  /** Authors' resolvers: a step that names one of them needs no handler that is announced. */
  readonly resolvers: readonly ResolverDescriptor[]
}

/** One problem for every step whose callable does not lead to exactly one handler (design D14). */
export function checkCallables(
  templates: readonly LoadedTemplate[],
  handlers: readonly HandlerDescriptor[],
  options: CallableCheckOptions,
): readonly TemplateProblem[] {
  return templates.flatMap((loaded) =>
    loaded.template.steps.flatMap((step) => stepProblems(loaded, step, handlers, options)),
  )
}

function stepProblems(
  loaded: LoadedTemplate,
  step: StepTemplate,
  handlers: readonly HandlerDescriptor[],
  options: CallableCheckOptions,
): TemplateProblem[] {
  const place = `${templateKey(loaded.template)}, step "${step.name}": callable "${step.callable}"`
  const found = findHandlers(handlers, step.callable, step.name)
  if (found.length === 0 && options.resolvers.some(({ name }) => name === step.resolver)) return []
  if (found.length === 0) {
    const meant = suggestion(
      step.callable,
      handlers.flatMap((handler) => [handler.callable, ...handler.aliases]),
    )
    const message = `${place} is no handler that is loaded here${meant}`
    return [{ severity: options.strict ? 'error' : 'warning', file: loaded.file, message }]
  }
  const runtime = options.namespaces[loaded.template.namespace] ?? null
  const chosen = chooseHandler(found, { runtime, root: loaded.root })
  if (chosen !== null) return fitProblems(loaded, step, chosen, options)
  return [{ severity: 'error', file: loaded.file, message: `${place} ${ambiguity(loaded, found)}` }]
}

/** What keeps its steps from ever succeeding, and what a person should merely know. */
function fitProblems(
  { template, file }: LoadedTemplate,
  step: StepTemplate,
  handler: HandlerDescriptor,
  options: CallableCheckOptions,
): TemplateProblem[] {
  const place = `${templateKey(template)}, step "${step.name}"`
  const dependency = dependencyProblem(
    handler,
    template.steps.map(({ name }) => name),
  )
  const type = typeProblem(handler, step)
  const severity = options.strict ? 'error' : 'warning'
  return [
    ...(dependency === null ? [] : [{ severity, file, message: `${place}: ${dependency}` } as const]),
    ...(type === null ? [] : [{ severity: 'warning', file, message: `${place} ${type}` } as const]),
  ]
}

function ambiguity(loaded: LoadedTemplate, found: readonly HandlerDescriptor[]): string {
  const places = found.map((handler) => `${handler.file} (${handler.runtime})`).join(' and ')
  const runtimes = new Set(found.map((handler) => handler.runtime))
  if (runtimes.size === 1) return `is declared in ${places}; rename one`
  return `is declared in ${places}; choose with the line: runtimes.namespaces."${loaded.template.namespace}" = "${found[0]?.runtime}"`
}
