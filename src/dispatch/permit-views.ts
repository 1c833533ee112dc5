// The narrower limits of the semaphore: counters of what languages, namespaces and handlers have of it, and what a step weighs.

import type { RuntimeName } from '../model/handler.ts'

export interface PermitLimits {
  /** Tokens of all steps together. */
  readonly permitsMax: number
  /** Tokens of a language's steps, by its name. */
  readonly languages?: Readonly<Record<string, number>>
  /** Tokens of a namespace's steps. */
  readonly namespaces?: Readonly<Record<string, number>>
  /** Calls of a handler at once, whatever they weigh. */
  readonly handlers?: Readonly<Record<string, number>>
  /** Tokens that a call of a handler takes; 1 where none is named. */
  readonly weights?: Readonly<Record<string, number>>
}

/** What the limits look at. */
export interface PermitUse {
  readonly namespace: string
  readonly language: RuntimeName
  /** The declared name of the handler, then its further names: the limit may be written for any of them. */
  readonly names: readonly string[]
  /** Steps that one call of the handler takes at most. */
  readonly batchMax: number
}

export interface PermitView {
  readonly kind: 'language' | 'namespace' | 'handler'
  readonly name: string
  /** null: not limited any more, but some permits still count here. */
  limit: number | null
  used: number
}

export interface PermitCharge {
  readonly view: PermitView
  readonly amount: number
}

export class PermitViews {
  readonly #views = new Map<string, PermitView>()
  #limits: PermitLimits
  #any = false
  #charges = new WeakMap<PermitUse, readonly PermitCharge[]>()

  constructor(limits: PermitLimits) {
    this.#limits = limits
    this.resize(limits)
  }

  /** True when some step is limited more narrowly, or weighs more, than others. */
  get any(): boolean {
    return this.#any
  }

  all(): readonly PermitView[] {
    return [...this.#views.values()]
  }

  /** A counter outlives its limit for as long as permits count in it, so that a limit that comes back finds them. */
  resize(limits: PermitLimits): void {
    this.#limits = limits
    this.#charges = new WeakMap()
    for (const view of this.#views.values()) view.limit = null
    for (const kind of ['language', 'namespace', 'handler'] as const) {
      for (const [name, limit] of Object.entries(tableOf(limits, kind))) this.#view(kind, name).limit = limit
    }
    for (const [key, { limit, used }] of this.#views) if (limit === null && used === 0) this.#views.delete(key)
    const tables = [limits.languages, limits.namespaces, limits.handlers, limits.weights]
    this.#any = tables.some((table) => Object.keys(table ?? {}).length > 0)
  }

  /** Never more than there are tokens at all, so that every step can run. */
  weightOf(use: PermitUse | null): number {
    const name = use?.names.find((each) => Object.hasOwn(this.#limits.weights ?? {}, each))
    const weight = name === undefined ? 1 : (this.#limits.weights?.[name] ?? 1)
    return Math.min(weight, this.#limits.permitsMax)
  }

  /** A step heavier than a view takes all of it: it runs alone there. */
  chargesOf(use: PermitUse): readonly PermitCharge[] {
    const known = this.#charges.get(use)
    if (known !== undefined) return known
    const { namespace, language, names } = use
    const handler = names.find((name) => Object.hasOwn(this.#limits.handlers ?? {}, name))
    const keys = [
      `language:${language}`,
      `namespace:${namespace}`,
      ...(handler === undefined ? [] : [`handler:${handler}`]),
    ]
    const charges = keys.flatMap((key): PermitCharge[] => {
      const view = this.#views.get(key)
      if (view === undefined || view.limit === null) return []
      return [{ view, amount: view.kind === 'handler' ? 1 : Math.min(this.weightOf(use), view.limit) }]
    })
    this.#charges.set(use, charges)
    return charges
  }

  #view(kind: PermitView['kind'], name: string): PermitView {
    const key = `${kind}:${name}`
    const view = this.#views.get(key) ?? { kind, name, limit: null, used: 0 }
    this.#views.set(key, view)
    return view
  }
}

function tableOf(limits: PermitLimits, kind: PermitView['kind']): Readonly<Record<string, number>> {
  return { language: limits.languages, namespace: limits.namespaces, handler: limits.handlers }[kind] ?? {}
}
