// All templates of the handler roots and of TASKER_TEMPLATE_PATH, with everything that is wrong with them.
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { HostError, type HostErrorCode, messageOf } from '../../model/host-error.ts'
import { type LoadedTemplate, type TemplateProblem, templateKey } from '../../model/template.ts'
import { templateFiles } from './template-files.ts'
import { readTemplate } from './template-reader.ts'

export interface LoadTemplatesOptions {
  readonly roots: readonly string[]
  /** `TASKER_TEMPLATE_PATH`; null: none. */
  readonly templatePath: string | null
  /** Whose `environments` the templates are changed by; absent or null: nobody's. */
  readonly environment?: string | null
  /** Warnings keep a template from loading. */
  readonly strict: boolean
}

export interface LoadedTemplates {
  readonly templates: readonly LoadedTemplate[]
  readonly problems: readonly TemplateProblem[]
}

interface FoundFile {
  readonly file: string
  readonly root: string | null
}

const fileBytesMax = 4 * 1024 * 1024

/**
 * A file that has none of a template's keys is left out below a root and a problem in TASKER_TEMPLATE_PATH.
 * Throws HANDLERS_DIR_MISSING or CONFIG_INVALID when a directory does not exist.
 */
export function loadTemplates(options: LoadTemplatesOptions): LoadedTemplates {
  const templates: LoadedTemplate[] = []
  const problems: TemplateProblem[] = []
  for (const found of filesOf(options)) {
    const read = readFound(found, options.environment ?? null)
    problems.push(
      ...(options.strict
        ? read.problems.map((problem) => ({ ...problem, severity: 'error' as const }))
        : read.problems),
    )
    if (read.template === null || (options.strict && read.problems.length > 0)) continue
    templates.push({ template: read.template, ...found })
  }
  return withoutTwins(templates, problems)
}

function filesOf({ roots, templatePath }: LoadTemplatesOptions): FoundFile[] {
  const found = roots.flatMap((root) => {
    requireDirectory(root, 'HANDLERS_DIR_MISSING', 'The handler directory')
    return templateFiles(root).map((file): FoundFile => ({ file, root }))
  })
  if (templatePath !== null) {
    requireDirectory(templatePath, 'CONFIG_INVALID', 'TASKER_TEMPLATE_PATH (templates.path)')
    found.push(...templateFiles(templatePath).map((file) => ({ file, root: null })))
  }
  // One directory may be named twice, or lie below another; a root wins because it says where the handlers are.
  const byPlace = new Map<string, FoundFile>()
  for (const candidate of found) {
    const place = realpathSync(candidate.file)
    if (!byPlace.has(place)) byPlace.set(place, candidate)
  }
  return [...byPlace.values()]
}

function requireDirectory(path: string, code: HostErrorCode, name: string): void {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory()
  if (isDirectory === undefined) throw new HostError(code, `${name} does not exist: ${path}`)
  if (!isDirectory) throw new HostError(code, `${name} is not a directory: ${path}`)
}

function readFound(
  { file, root }: FoundFile,
  environment: string | null,
): Pick<ReturnType<typeof readTemplate>, 'template' | 'problems'> {
  const refused = (message: string) => ({
    template: null,
    problems: [{ severity: 'error' as const, file, message: `${file}: ${message}` }],
  })
  try {
    if (statSync(file).size > fileBytesMax) return refused(`is larger than ${fileBytesMax} bytes`)
    const read = readTemplate(file, readFileSync(file, 'utf8'), environment)
    if (read.isTemplate) return read
    return root === null
      ? refused('is no template: name, namespace_name and steps are missing')
      : { template: null, problems: [] }
  } catch (error) {
    return refused(`cannot be read: ${messageOf(error)}`)
  }
}

/** Two files that declare one template are both refused: neither is more right. */
function withoutTwins(templates: readonly LoadedTemplate[], problems: readonly TemplateProblem[]): LoadedTemplates {
  const filesByKey = new Map<string, string[]>()
  for (const { template, file } of templates) {
    const key = templateKey(template)
    filesByKey.set(key, [...(filesByKey.get(key) ?? []), file])
  }
  const single = templates.filter(({ template }) => filesByKey.get(templateKey(template))?.length === 1)
  const twins = [...filesByKey].flatMap(([key, files]): TemplateProblem[] => {
    const [file = ''] = files
    const message = `${key} is declared in ${files.join(' and ')}; keep one or change a version`
    return files.length === 1 ? [] : [{ severity: 'error', file, message }]
  })
  return { templates: single, problems: [...problems, ...twins] }
}
