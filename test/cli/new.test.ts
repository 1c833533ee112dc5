// `stephost new handler`: every kind in every language loads and runs; nothing is overwritten.

import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { handlerLanguages } from '../../src/cli/handler-example.ts'
import { handlerKinds, makeHandler } from '../../src/cli/new-handler.ts'
import { cargoHomes, cargoTarget, project, stephost } from './stephost.ts'

const interpreted = handlerLanguages.filter((language) => language !== 'rust')

describe('new handler', () => {
  it('writes handlers of each kind that load in each language', async () => {
    const root = project({})
    for (const language of interpreted) {
      for (const kind of handlerKinds) {
        makeHandler({ language, name: `made.${language}_${kind.replace('-', '_')}`, kind, root })
      }
    }
    const { stdout } = await stephost(['handlers', '--handlers', root, '--json'])
    const shown = JSON.parse(stdout) as { handlers: { callable: string }[]; load_failures: unknown[] }
    expect(shown.load_failures).toEqual([])
    const wanted = interpreted.flatMap((language) =>
      handlerKinds.map((kind) => `made.${language}_${kind.replace('-', '_')}`),
    )
    expect(shown.handlers.map(({ callable }) => callable).toSorted()).toEqual(wanted.toSorted())
  })

  it('says where it is, and what to write into a workflow', async () => {
    const root = project({})
    const args = ['new', 'handler', 'ruby', 'shop.route_order', '--kind', 'decision', '--handlers', root]
    const { code, stdout } = await stephost(args)
    const file = join(root, 'shop', 'route_order.rb')
    expect(code).toBe(0)
    expect(stdout).toContain(`wrote ${file}`)
    expect(stdout).toContain(
      'steps:\n  - name: route_order\n    type: decision\n    handler: {callable: shop.route_order}',
    )
    expect(readFileSync(file, 'utf8')).toContain('class RouteOrder < Stephost::StepHandler::Base')
    const invoke = ['invoke', 'shop.route_order', '--handlers', root, '--context', '{"amount_cents":20000}', '--json']
    expect(JSON.parse((await stephost(invoke)).stdout)).toMatchObject({ success: true })
  })

  it.each([
    ['a kind that Rust has not', ['rust', 'a', '--kind', 'api'], 'there is no example of kind "api" in Rust'],
    ['a language that is none', ['rubby', 'a'], 'there is no language "rubby" (did you mean "ruby"?)'],
    [
      'a kind that is none',
      ['ruby', 'a', '--kind', 'decisoin'],
      'there is no kind "decisoin" (did you mean "decision"?)',
    ],
    ['a name that is none', ['ruby', 'A B'], '"A B" is no name for a handler'],
    ['a thing that is none', [], "missing required argument 'language'"],
  ])('%s ends with 2 and says what there is', async (_, args, words) => {
    const root = project({})
    const { code, stderr } = await stephost(['new', 'handler', ...args, '--handlers', root])
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
  })

  it('writes a crate for Rust, which builds and runs', async () => {
    const directory = project({})
    const { stdout, code } = await stephost(['new', 'handler', 'rust', 'shop.hold_stock', '--kind', 'function'], {
      cwd: directory,
    })
    expect(code).toBe(0)
    expect(stdout).toContain('wrote handlers/shop/hold_stock/src/lib.rs')
    expect(stdout).toContain('stephost build && stephost invoke shop.hold_stock')
    const crate = join(directory, 'handlers/shop/hold_stock')
    expect(readFileSync(join(crate, 'src/lib.rs'), 'utf8')).toContain('function("shop.hold_stock", hold_stock)')
    // The dependencies and the profile of the repository, so that little is left to build.
    copyFileSync('Cargo.lock', join(crate, 'Cargo.lock'))
    appendFileSync(join(crate, 'Cargo.toml'), '\n[profile.release]\npanic = "unwind"\nstrip = "debuginfo"\n')
    rmSync(join(cargoTarget(), 'release/libhold_stock.so'), { force: true })
    symlinkSync(cargoTarget(), join(directory, 'target'))
    const built = await stephost(['build'], { cwd: directory, env: cargoHomes(), timeoutMs: 170_000 })
    expect([built.code, built.stdout]).toEqual([0, 'built shop/hold_stock/Cargo.toml'])
    const context = ['--context', '{"warehouse":"north"}', '--deps', '{"price_order":{"total_cents":5}}', '--json']
    const invoked = await stephost(['invoke', 'shop.hold_stock', ...context], { cwd: directory })
    expect(JSON.parse(invoked.stdout)).toMatchObject({ success: true, result: { reserved_cents: 5 } })
  }, 180_000)

  it('never writes over a file', async () => {
    const root = project({ 'greet.py': '# mine\n' })
    const { code, stderr } = await stephost(['new', 'handler', 'python', 'greet', '--handlers', root])
    expect([code, stderr]).toEqual([2, expect.stringContaining('greet.py exists already')])
    expect(readFileSync(join(root, 'greet.py'), 'utf8')).toBe('# mine\n')
  })

  it('makes the directory of handlers where it is missing', async () => {
    const root = join(project({}), 'handlers')
    await stephost(['new', 'handler', 'typescript', 'say_hello', '--handlers', root])
    expect(existsSync(join(root, 'say-hello.ts'))).toBe(true)
  })
})
