// `NS/NAME[@VERSION]` on the command line, and the loaded template that it means.
import { HostError } from '../model/host-error.ts'
import { suggestion } from '../model/nearest-name.ts'
import { type LoadedTemplate, type TemplateProblem, templateKey } from '../model/template.ts'
import { UsageError } from './failure.ts'

export interface TaskName {
  readonly namespace: string
  readonly name: string
  /** null: the newest. */
  readonly version: string | null
}

export function readTaskName(argument: string): TaskName {
  const match = /^([^/]+)\/(.+?)(?:@([^@]+))?$/.exec(argument)
  const [, namespace, name, version = null] = match ?? []
  if (namespace === undefined || name === undefined) {
    throw new UsageError(`"${argument}" names no workflow`, 'Write NAMESPACE/NAME or NAMESPACE/NAME@VERSION.')
  }
  return { namespace, name, version }
}

/** Throws TEMPLATE_NOT_FOUND with the nearest name, and with the problem of a file when one kept it from loading. */
export function findTemplate(
  wanted: TaskName,
  templates: readonly LoadedTemplate[],
  problems: readonly TemplateProblem[],
): LoadedTemplate {
  const named = templates.filter(
    ({ template }) => template.namespace === wanted.namespace && template.name === wanted.name,
  )
  const found =
    wanted.version === null ? newest(named) : named.find(({ template }) => template.version === wanted.version)
  if (found !== undefined) return found
  const written = `${wanted.namespace}/${wanted.name}${wanted.version === null ? '' : `@${wanted.version}`}`
  const errors = problems.filter(({ severity }) => severity === 'error').map(({ message }) => `\n  ${message}`)
  const because = errors.length === 0 ? '' : `; these files have errors:${errors.join('')}`
  throw new HostError(
    'TEMPLATE_NOT_FOUND',
    `No workflow ${written} is loaded${others(wanted, templates, named)}${because}`,
  )
}

function others(wanted: TaskName, templates: readonly LoadedTemplate[], named: readonly LoadedTemplate[]): string {
  if (named.length > 0) return `; there is ${named.map(({ template }) => templateKey(template)).join(', ')}`
  return suggestion(
    `${wanted.namespace}/${wanted.name}`,
    templates.map(({ template }) => `${template.namespace}/${template.name}`),
  )
}

function newest(templates: readonly LoadedTemplate[]): LoadedTemplate | undefined {
  return templates.toSorted((left, right) => compareVersions(right.template.version, left.template.version))[0]
}

/** Numbers by value, so 1.10.0 is above 1.9.0; a release is above its previews. */
export function compareVersions(left: string, right: string): number {
  const [leftCore = '', leftPreview] = left.split(/-(.*)/s)
  const [rightCore = '', rightPreview] = right.split(/-(.*)/s)
  const byCore = leftCore.localeCompare(rightCore, 'en', { numeric: true })
  if (byCore !== 0 || leftPreview === rightPreview) return byCore
  if (leftPreview === undefined) return 1
  if (rightPreview === undefined) return -1
  return leftPreview.localeCompare(rightPreview, 'en', { numeric: true })
}
