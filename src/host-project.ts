// What a project has, for commands that only look at it.

import { loadTemplates } from './config/templates/load-templates.ts'
import type { HostOptions } from './host.ts'
import { type OpenedAdapters, openAdapters } from './host-adapters.ts'
import { checkCallables } from './model/callable-check.ts'
import type { LoadedTemplate, TemplateProblem } from './model/template.ts'

/** For commands that only look: templates and handlers, without a database. */
export async function loadProject(
  options: Pick<HostOptions, 'config' | 'log' | 'handlerRoots' | 'strict'>,
): Promise<{ templates: readonly LoadedTemplate[]; problems: readonly TemplateProblem[]; opened: OpenedAdapters }> {
  const { config, handlerRoots, log, strict } = options
  const { templatePath, templateEnvironment: environment } = config
  const { templates, problems } = loadTemplates({ roots: handlerRoots, templatePath, environment, strict })
  const opened = await openAdapters({ config, handlerRoots, processesMax: 1, log: (record) => log.handler(record) })
  const handlers = opened.adapters.flatMap((adapter) => adapter.handlers())
  const resolvers = opened.adapters.flatMap((adapter) => adapter.resolvers())
  const { namespaces } = config.runtimes
  const unserved = checkCallables(templates, handlers, { namespaces, strict, resolvers })
  return { templates, problems: [...problems, ...unserved], opened }
}
