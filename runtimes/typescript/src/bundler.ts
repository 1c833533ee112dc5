// One handler file → one module: its local imports inside, npm packages outside, the SDK replaced by the runtime's own.

import { readFile, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildFailure, build, type Loader, type Message, type OnResolveResult, type Plugin } from 'esbuild'
import * as stephost from './stephost.ts'

export interface Bundle {
  /** The module that was written: what to import. */
  readonly url: string
  /** Absolute paths of all source files inside, the handler file among them. */
  readonly sources: ReadonlySet<string>
  /** False: the file never touches the SDK, so it cannot declare a handler and need not run. */
  readonly usesStephost: boolean
}

/** Tasker's package has two further entries, whose names all stand in the one here. */
const sdkName = /^(stephost|@tasker-systems\/tasker(\/(events|ffi))?)$/
const sdkNamespace = 'stephost'
const sdkKey = 'stephost.sdk'
/** Handler modules take the SDK from here, so that its classes are the same objects in every one of them. */
Object.defineProperty(globalThis, Symbol.for(sdkKey), { value: stephost, configurable: true })

/** Throws an Error whose message names file, line and problem, paths relative to `root`. */
export async function bundleHandlerFile(options: { root: string; file: string; outfile: string }): Promise<Bundle> {
  const { root, outfile } = options
  const entry = join(root, options.file)
  try {
    const built = await build({
      entryPoints: [entry],
      outfile,
      absWorkingDir: root,
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      keepNames: true,
      sourcemap: 'inline',
      sourcesContent: false,
      metafile: true,
      logLevel: 'silent',
      define: Object.fromEntries(ownPlace.map(({ expression, name }) => [expression, name])),
      plugins: [sdkPlugin, packagesPlugin, ownPlacePlugin],
    })
    const code = built.outputFiles[0]?.text ?? ''
    // CommonJS inside the bundle needs a `require`; it stands on the first line so that no line of the source map moves.
    const prelude = code.includes('__require') ? requirePrelude(entry) : ''
    await writeFile(outfile, `${prelude}${code}`)
    const inputs = Object.keys(built.metafile.inputs)
    return {
      url: pathToFileURL(outfile).href,
      sources: new Set(inputs.map((input) => resolve(root, input))),
      usesStephost: inputs.some((input) => input.startsWith(`${sdkNamespace}:`)),
    }
  } catch (error) {
    throw new Error(isBuildFailure(error) ? describe(error.errors) : String(error), { cause: error })
  }
}

const sdkPlugin: Plugin = {
  name: 'sdk',
  setup(build) {
    build.onResolve({ filter: sdkName }, () => ({ path: 'sdk', namespace: sdkNamespace }))
    build.onLoad({ filter: /.*/, namespace: sdkNamespace }, () => ({
      contents: `export const { ${Object.keys(stephost).join(', ')} } = globalThis[Symbol.for('${sdkKey}')]`,
    }))
  },
}

/** Packages are resolved from the importing file and stay outside; what an alias of a tsconfig names is local and goes inside. */
const packagesPlugin: Plugin = {
  name: 'packages',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async (args): Promise<OnResolveResult | undefined> => {
      if (args.kind === 'entry-point' || args.pluginData === packagesPlugin || sdkName.test(args.path)) return undefined
      if (isBuiltin(args.path)) return { path: args.path, external: true }
      const { kind, importer, resolveDir } = args
      const found = await build.resolve(args.path, { kind, importer, resolveDir, pluginData: packagesPlugin })
      if (found.errors.length > 0) return { errors: found.errors }
      if (found.external || !found.path.includes('/node_modules/'))
        return { path: found.path, external: found.external }
      return { path: kind.startsWith('require') ? found.path : pathToFileURL(found.path).href, external: true }
    })
  },
}

/** What a module says about its own place must stay true although the bundle lies elsewhere. */
const ownPlace = [
  { expression: 'import.meta.url', name: '__stephost_url', value: (path: string) => pathToFileURL(path).href },
  { expression: 'import.meta.filename', name: '__stephost_filename', value: (path: string) => path },
  { expression: 'import.meta.dirname', name: '__stephost_dirname', value: (path: string) => dirname(path) },
  { expression: '__filename', name: '__stephost_cjs_filename', value: (path: string) => path },
  { expression: '__dirname', name: '__stephost_cjs_dirname', value: (path: string) => dirname(path) },
] as const

const ownPlacePlugin: Plugin = {
  name: 'own-place',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
      const contents = await readFile(path, 'utf8')
      const wanted = ownPlace.filter(({ expression }) => contents.includes(expression))
      if (wanted.length === 0) return undefined
      const values = wanted.map(({ name, value }) => `var ${name} = ${JSON.stringify(value(path))};`)
      return { contents: `${values.join('')}${contents}`, loader: loaderOf(path) }
    })
  },
}

function loaderOf(path: string): Loader {
  if (path.endsWith('x')) return path.endsWith('.tsx') ? 'tsx' : 'jsx'
  return /\.[cm]?ts$/.test(path) ? 'ts' : 'js'
}

function requirePrelude(entry: string): string {
  const from = JSON.stringify(entry)
  return `import { createRequire as __stephost_createRequire } from 'node:module';const require = __stephost_createRequire(${from});`
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}

function describe(errors: readonly Message[]): string {
  const [first] = errors
  if (first === undefined) return 'esbuild failed without a message'
  const place =
    first.location === null ? '' : `${first.location.file}:${first.location.line}:${first.location.column + 1}: `
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return `${place}${first.text}${more}`
}
