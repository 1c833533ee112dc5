// Loading of handler files: what is found, what is refused and why.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LoadedHandler } from '../../../runtimes/typescript/src/handler-directory.ts'
import { loadHandlers } from '../../../runtimes/typescript/src/loader.ts'
import type { StepContext } from '../../../runtimes/typescript/src/step-context.ts'

let place: string
let root: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'stephost-loader-'))
  root = join(place, 'handlers')
  await mkdir(root)
})
afterEach(() => rm(place, { recursive: true }))

async function load(files: Record<string, string>, roots = [root]) {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return loadHandlers({ handlerRoots: roots, bundleDirectory: place })
}

const handler = (name: string, body = '') => `
  import { StepHandler, type StepContext } from 'stephost'
  export class ${name} extends StepHandler {
    static override handlerName = 'shop.${name.toLowerCase()}'
    async call(context: StepContext) { ${body} return this.success({ at: import.meta.url }) }
  }`

const callables = ({ handlers }: { handlers: readonly LoadedHandler[] }) => handlers.map(({ callable }) => callable)

/** These handlers do not look at their context. */
async function resultOf(loaded: LoadedHandler | undefined): Promise<unknown> {
  const result = await new (loaded as LoadedHandler).handlerClass().call({} as StepContext)
  return result.result
}

describe('finds', () => {
  it('classes and functions, default and named, in every kind of file', async () => {
    const found = await load({
      'a.ts': `${handler('One')}\nexport const two = defineHandler('shop.two', {}, () => 2)\nimport { defineHandler } from '@tasker-systems/tasker'\nimport { BasePublisher } from '@tasker-systems/tasker/events'\nvoid BasePublisher`,
      'deep/b.mts': handler('Three').replace('export class', 'export default class'),
      'c.js':
        "import { defineHandler } from 'stephost'\nexport default defineHandler('shop.four', { version: '4.0.0' }, () => 4)",
      'd.mjs':
        "import { defineHandler } from 'stephost'\nexport { five as renamed }\nconst five = defineHandler('shop.five', {}, () => 5)",
      'e.cjs':
        "const { defineHandler } = require('stephost')\nconst path = require('node:path')\nexports.six = defineHandler('shop.six', {}, () => path.basename(__filename))",
    })
    expect(found.failures).toEqual([])
    expect(callables(found)).toEqual(['shop.one', 'shop.two', 'shop.four', 'shop.five', 'shop.three', 'shop.six'])
    const aliases = [['One'], ['two'], [], ['renamed'], ['Three'], ['six']]
    expect(found.handlers.map((loaded) => loaded.aliases)).toEqual(aliases)
    expect(found.handlers[2]).toMatchObject({ version: '4.0.0', file: 'c.js', root })
    expect(await resultOf(found.handlers[5])).toEqual({ result: 'e.cjs' })
  })

  it('nothing in tests, declarations, hidden places and packages', async () => {
    const found = await load({
      'a.test.ts': handler('A'),
      'a.d.ts': 'export declare class A {}',
      '.hidden/a.ts': handler('B'),
      '.venv/a.ts': handler('C'),
      'node_modules/x/a.js': handler('D'),
      'target/a.ts': handler('E'),
      'notes.txt': 'no code',
    })
    expect(found).toEqual({ handlers: [], eventCode: [], failures: [] })
  })

  it('files behind links, as mounted volumes show them', async () => {
    await writeFile(join(place, 'elsewhere.ts'), handler('One'))
    await symlink(join(place, 'elsewhere.ts'), join(root, 'one.ts'))
    expect(callables(await load({}))).toEqual(['shop.one'])
  })

  it('no handler in a base class, and one in what extends it from another file', async () => {
    const found = await load({
      'base.ts':
        "import { StepHandler } from 'stephost'\nexport abstract class Base extends StepHandler { async call() { return this.success(this.price()) } abstract price(): number }",
      'sub.ts':
        "import { Base } from './base.ts'\nexport class Sub extends Base { static override handlerName = 'shop.sub'; price() { return 7 } }\nexport class Bare extends Sub {}",
    })
    expect(callables(found)).toEqual(['shop.sub'])
    expect(await resultOf(found.handlers[0])).toBe(7)
  })

  it('the code where it lies: own place, local imports, packages beside it', async () => {
    const found = await load({
      'node_modules/prices/package.json': '{"name":"prices","type":"module","exports":"./prices.js"}',
      'node_modules/prices/prices.js': 'export const price = 42',
      'lib/tax.ts': 'export const tax: number = 2\nexport const where = import.meta.url',
      'a.ts': `
        import { price } from 'prices'
        import { defineHandler } from 'stephost'
        import { tax, where } from './lib/tax.js'
        export const a = defineHandler('shop.a', {}, () => ({ sum: price + tax, where, here: import.meta.url }))`,
    })
    expect(found.failures).toEqual([])
    expect(await resultOf(found.handlers[0])).toEqual({
      sum: 44,
      where: `file://${root}/lib/tax.ts`,
      here: `file://${root}/a.ts`,
    })
  })

  it('a file below two roots once', async () => {
    expect(callables(await load({ 'sub/a.ts': handler('One') }, [root, join(root, 'sub')]))).toEqual(['shop.one'])
  })
})

describe('reports, and serves the rest', () => {
  it.each([
    ['a syntax error', 'export class {{', /^bad\.ts:1:14: /],
    [
      'a missing file',
      "\nimport { x } from './gone.ts'\nexport const y = x",
      /^bad\.ts:2:19: Could not resolve ".\/gone.ts"/,
    ],
    ['a missing package', "import { x } from 'gone'\nexport const y = x", /^bad\.ts:1:19: Could not resolve "gone"/],
    [
      'a name the SDK lacks',
      "import { Nothing } from 'stephost'\nexport const y = Nothing",
      /No matching export .*"Nothing"/,
    ],
    ['a throw at the top level', "import 'stephost'\nthrow new Error('no configuration')", /no configuration/],
    [
      'an exit at the top level',
      "import 'stephost'\nprocess.exit(3)",
      /process\.exit\(3\) was called while the file loaded/,
    ],
  ])('%s', async (_case, text, message) => {
    const found = await load({ 'bad.ts': text, 'good.ts': handler('Good') })
    expect(callables(found)).toEqual(['shop.good'])
    expect(found.failures).toEqual([{ file: join(root, 'bad.ts'), message: expect.stringMatching(message) }])
  })

  it('one name in two files, with both paths', async () => {
    const found = await load({ 'a.ts': handler('One'), 'b.ts': handler('One'), 'c.ts': handler('Two') })
    expect(callables(found)).toEqual(['shop.two'])
    const message = expect.stringMatching(/"shop\.one" is declared more than once: .*a\.ts and .*b\.ts/)
    expect(found.failures).toEqual([
      { file: join(root, 'a.ts'), message },
      { file: join(root, 'b.ts'), message },
    ])
  })

  it('no second declaration in an index that passes handlers on', async () => {
    const found = await load({
      'index.ts': "export * from './one.ts'\nexport { One as Again } from './one.ts'",
      'one.ts': handler('One'),
    })
    expect(found.failures).toEqual([])
    expect(found.handlers.map(({ callable, file }) => [callable, file])).toEqual([['shop.one', 'one.ts']])
  })
})
