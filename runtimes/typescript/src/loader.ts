// Finds the handlers below the handler roots; a file that does not load is reported and the others still serve.

import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { stop as stopEsbuild } from 'esbuild'
import { BasePublisher } from './base-publisher.ts'
import { BaseSubscriber } from './base-subscriber.ts'
import { type Bundle, bundleHandlerFile } from './bundler.ts'
import type { DeclaredEventCode } from './event-code.ts'
import type { LoadedHandler } from './handler-directory.ts'
import { findHandlerFiles } from './handler-files.ts'
import type { LoadFailureEntry } from './messages.ts'
import { HandlerRegistry } from './registry.ts'
import { StepHandler, type StepHandlerClass } from './step-handler.ts'

export interface LoadOptions {
  /** Where the same file lies below two of them, the first counts. */
  readonly handlerRoots: readonly string[]
  /** Names of files and directories that are not loaded. Default: none. */
  readonly ignore?: readonly string[]
  /** Existing directory for the bundles; its owner removes it. */
  readonly bundleDirectory: string
}

export interface LoadedHandlers {
  readonly handlers: readonly LoadedHandler[]
  readonly eventCode: readonly DeclaredEventCode[]
  readonly failures: readonly LoadFailureEntry[]
}

interface Declaration {
  readonly handler: LoadedHandler
  /** Absolute. */
  readonly path: string
  readonly shownPath: string
  readonly bundle: Bundle
}

let bundlesWritten = 0

export async function loadHandlers(options: LoadOptions): Promise<LoadedHandlers> {
  const declarations: Declaration[] = []
  const eventCode: DeclaredEventCode[] = []
  const failures: LoadFailureEntry[] = []
  const seen = new Set<string>()
  try {
    for (const root of options.handlerRoots) {
      const realRoot = await realpath(root)
      for (const file of await findHandlerFiles(realRoot, options.ignore ?? [])) {
        const path = join(realRoot, file)
        if (seen.has(path)) continue
        seen.add(path)
        try {
          const loaded = await loadFile({ root, realRoot, file, bundleDirectory: options.bundleDirectory })
          declarations.push(...loaded.handlers)
          eventCode.push(...loaded.eventCode)
        } catch (error) {
          failures.push({ file: join(root, file), message: error instanceof Error ? error.message : String(error) })
        }
      }
    }
  } finally {
    // Its child process is needed for loading only.
    await stopEsbuild()
  }
  const { handlers: declared, refused } = settleNames(declarations)
  const byHand = await registered(declared)
  return {
    handlers: [...declared, ...byHand.handlers],
    eventCode,
    failures: [...failures, ...refused, ...byHand.failures],
  }
}

/** What files registered by hand, or what their resolvers say that they resolve. */
async function registered(
  declared: readonly LoadedHandler[],
): Promise<{ handlers: readonly LoadedHandler[]; failures: readonly LoadFailureEntry[] }> {
  const registry = HandlerRegistry.instance
  const names = [
    ...registry.listHandlers(),
    ...registry
      .getResolverChain()
      .custom()
      .flatMap((resolver) => resolver.registeredCallables()),
  ]
  const added = new Map<string, LoadedHandler>()
  const failures: LoadFailureEntry[] = []
  for (const name of names) {
    // What a resolver throws must not keep the others from serving.
    const resolved = await registry.resolve(name).catch((error: unknown) => {
      failures.push({ file: `resolver of ${name}`, message: error instanceof Error ? error.message : String(error) })
      return null
    })
    if (resolved === null || declared.some(({ callable }) => callable === name)) continue
    const handlerClass = resolved.constructor as StepHandlerClass
    const known = declared.find((each) => each.handlerClass === handlerClass)
    const { file = '', root = '' } = known ?? {}
    added.set(name, { handlerClass, callable: name, aliases: [], version: handlerClass.handlerVersion, file, root })
  }
  return { handlers: [...added.values()], failures }
}

interface FileToLoad {
  readonly root: string
  readonly realRoot: string
  readonly file: string
  readonly bundleDirectory: string
}

interface LoadedFile {
  readonly handlers: readonly Declaration[]
  readonly eventCode: readonly DeclaredEventCode[]
}

async function loadFile(source: FileToLoad): Promise<LoadedFile> {
  const { root, realRoot, file } = source
  bundlesWritten += 1
  const outfile = join(source.bundleDirectory, `${process.pid}-${bundlesWritten}-${performance.now().toString(36)}.mjs`)
  const bundle = await bundleHandlerFile({ root: realRoot, file, outfile })
  if (!bundle.usesStephost) return { handlers: [], eventCode: [] }
  const path = join(realRoot, file)
  const exported = await importBundle(bundle, path)
  const handlers = [...declaredIn(exported)].map(([handlerClass, names]) => {
    const callable = handlerClass.handlerName
    const aliases = [...new Set([handlerClass.name, ...names])].filter(
      (name) => !['', 'default', callable].includes(name),
    )
    const handler = { handlerClass, callable, aliases, version: handlerClass.handlerVersion, file, root }
    return { handler, path, shownPath: join(root, file), bundle }
  })
  return { handlers, eventCode: eventCodeIn(exported).map((declared) => ({ ...declared, file, root })) }
}

/** Runs the file's top level. An exit there must not take the other handlers along. */
async function importBundle(bundle: Bundle, path: string): Promise<Record<string, unknown>> {
  const exit = process.exit
  process.exit = (code) => {
    throw new Error(`process.exit(${code ?? ''}) was called while the file loaded; handlers must not end the process`)
  }
  try {
    return (await import(bundle.url)) as Record<string, unknown>
  } catch (error) {
    throw new Error(loadProblem(error, path), { cause: error })
  } finally {
    process.exit = exit
  }
}

function loadProblem(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `the file threw ${String(error)} while it loaded`
  const place = new RegExp(`${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}:(\\d+)`).exec(error.stack ?? '')?.[1]
  return `${place === undefined ? '' : `line ${place}: `}${error.name}: ${error.message}`
}

/** Handler class → the names it is exported under. A class inherits no name: a shared base class declares nothing. */
function declaredIn(exported: Record<string, unknown>): Map<StepHandlerClass, string[]> {
  const found = new Map<StepHandlerClass, string[]>()
  // The exports of a CommonJS file arrive as one default export.
  const { default: whole } = exported
  const members = typeof whole === 'object' && whole !== null ? { ...exported, ...whole } : exported
  for (const [name, value] of Object.entries(members)) {
    if (!isHandlerClass(value)) continue
    found.set(value, [...(found.get(value) ?? []), name])
  }
  return found
}

/** Exported classes of publishers, and of subscribers that say what they want to hear. */
function eventCodeIn(exported: Record<string, unknown>): readonly Pick<DeclaredEventCode, 'declared' | 'kind'>[] {
  return [...new Set(Object.values(exported))].flatMap((value): Pick<DeclaredEventCode, 'declared' | 'kind'>[] => {
    if (typeof value !== 'function') return []
    const declared = value as DeclaredEventCode['declared']
    if (value.prototype instanceof BasePublisher) return [{ declared, kind: 'publisher' }]
    if (!(value.prototype instanceof BaseSubscriber)) return []
    const hears = (value as unknown as typeof BaseSubscriber).subscribesTo().length > 0
    return hears ? [{ declared, kind: 'subscriber' }] : []
  })
}

function isHandlerClass(value: unknown): value is StepHandlerClass {
  if (typeof value !== 'function' || !(value.prototype instanceof StepHandler)) return false
  return Object.hasOwn(value, 'handlerName') && (value as StepHandlerClass).handlerName !== ''
}

/** One name, one file. A file that only passes on what another declares (an index) is not a second declaration. */
function settleNames(declarations: readonly Declaration[]): { handlers: LoadedHandler[]; refused: LoadFailureEntry[] } {
  const byCallable = new Map<string, Declaration[]>()
  for (const declaration of declarations) {
    const { callable } = declaration.handler
    byCallable.set(callable, [...(byCallable.get(callable) ?? []), declaration])
  }
  const handlers: LoadedHandler[] = []
  const refused: LoadFailureEntry[] = []
  for (const [callable, all] of byCallable) {
    const own = all.filter((one) => !all.some((other) => other.path !== one.path && one.bundle.sources.has(other.path)))
    const [only, ...others] = own
    if (only !== undefined && others.length === 0) {
      handlers.push(only.handler)
      continue
    }
    const paths = [...new Set((own.length > 0 ? own : all).map(({ shownPath }) => shownPath))]
    const message = `handler "${callable}" is declared more than once: ${paths.join(' and ')}; none of them is served, rename one`
    refused.push(...paths.map((file) => ({ file, message })))
  }
  return { handlers, refused }
}
