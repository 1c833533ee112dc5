// What a template says of a step's handler. Source: handler-api §0.2.

import type { Metadata } from './errors.ts'

export interface HandlerDefinition {
  readonly callable: string
  readonly handlerMethod?: string | null
  readonly resolver?: string | null
  readonly initialization?: Metadata
}

export function definitionOf(spec: string | HandlerDefinition): HandlerDefinition {
  return typeof spec === 'string' ? { callable: spec } : spec
}
