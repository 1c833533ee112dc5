// Which file a handler thread starts from: the compiled runtime, or a bundle of its source where the host runs from source.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { HostError, messageOf } from '../../model/host-error.ts'

/**
 * A file that every supported Node can run as a worker. `directory` is where the bundle is put when one is needed: Node 20 cannot run
 * TypeScript. Rejects with RUNTIME_UNAVAILABLE.
 */
export async function threadEntry(directory: string): Promise<string> {
  const { resolve } = createRequire(import.meta.url)
  // Compiled code may lie in a bundle; the runtime is where this package's own export is.
  if (!import.meta.url.endsWith('.ts')) return compiledEntry(resolve)
  const outfile = join(directory, 'main.mjs')
  const { build } = await import('esbuild')
  const esbuildUrl = pathToFileURL(resolve('esbuild')).href
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('../../../runtimes/typescript/src/main.ts', import.meta.url))],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      keepNames: true,
      sourcemap: 'inline',
      logLevel: 'silent',
      plugins: [
        {
          name: 'esbuild-stays-outside',
          setup: (bundle) => bundle.onResolve({ filter: /^esbuild$/ }, () => ({ path: esbuildUrl, external: true })),
        },
      ],
    })
  } catch (error) {
    throw new HostError('RUNTIME_UNAVAILABLE', `The TypeScript runtime could not be built: ${messageOf(error)}`, {
      cause: error,
    })
  }
  return outfile
}

function compiledEntry(resolve: (name: string) => string): string {
  try {
    return join(dirname(resolve('stephost')), 'main.js')
  } catch (error) {
    throw new HostError('RUNTIME_UNAVAILABLE', `The TypeScript runtime is not built: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
