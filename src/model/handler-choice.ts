// From a callable to one handler: how names are matched, and what decides between languages (design D14).

import type { HandlerDescriptor, RuntimeName } from './handler.ts'

/**
 * Exact name, then class name or import path, then the end of a Ruby constant path, then for Rust the name of the template step.
 * The first rule that finds anything decides. Source: handler-api §2.
 */
export function findHandlers(
  handlers: readonly HandlerDescriptor[],
  callable: string,
  templateStep: string,
): readonly HandlerDescriptor[] {
  const rules: ((handler: HandlerDescriptor) => boolean)[] = [
    (handler) => handler.callable === callable,
    (handler) => handler.aliases.includes(callable),
    (handler) => handler.runtime === 'ruby' && handler.aliases.some((alias) => alias.endsWith(`::${callable}`)),
    (handler) => handler.runtime === 'rust' && handler.callable === templateStep,
  ]
  for (const rule of rules) {
    const found = handlers.filter(rule)
    if (found.length > 0) return found
  }
  return []
}

export interface Preference {
  /** The namespace's language by configuration; null: none is set. */
  readonly runtime: RuntimeName | null
  /** The handler root of the template; null: unknown. */
  readonly root: string | null
}

/** null: none, or still more than one. */
export function chooseHandler(found: readonly HandlerDescriptor[], preference: Preference): HandlerDescriptor | null {
  const byRuntime =
    preference.runtime === null ? found : found.filter((handler) => handler.runtime === preference.runtime)
  const byRoot = byRuntime.filter((handler) => handler.root === preference.root)
  const left = byRuntime.length > 1 && byRoot.length > 0 ? byRoot : byRuntime
  return left.length === 1 ? (left[0] ?? null) : null
}
