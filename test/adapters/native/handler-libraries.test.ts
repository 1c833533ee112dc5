// Which libraries and crates are found below the handler roots, and what is said about those that are not built.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findHandlerCrates, findHandlerLibraries } from '../../../src/adapters/native/handler-libraries.ts'

let project: string
let root: string

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'stephost-libraries-'))
  root = join(project, 'handlers')
  await mkdir(root)
})

afterEach(async () => {
  await rm(project, { recursive: true, force: true })
})

async function file(path: string, content = ''): Promise<string> {
  await mkdir(dirname(join(project, path)), { recursive: true })
  await writeFile(join(project, path), content)
  return join(project, path)
}

const manifest = `[package]\nname = "charge-card"\n\n[lib]\ncrate-type = ["cdylib"]\n`
const found = () => findHandlerLibraries([root], { searchPath: '' })

describe('findHandlerLibraries', () => {
  it('finds built libraries, but not those of build directories', async () => {
    const path = await file('handlers/vendor/libaudit.so')
    await file('handlers/target/release/libold.so')
    await file('handlers/.cache/libhidden.so')
    await file('handlers/node_modules/libother.so')
    expect(found()).toEqual({ libraries: [{ path, root, file: 'vendor/libaudit.so' }], loadFailures: [] })
  })

  it('finds a crate in the target directory of its workspace', async () => {
    await file('handlers/charge_card/Cargo.toml', manifest)
    const path = await file('target/release/libcharge_card.so')
    expect(found().libraries).toEqual([{ path, root, file: 'charge_card/Cargo.toml' }])
  })

  it('prefers the target directory of the crate itself, and the name that its library has', async () => {
    await file('handlers/charge_card/Cargo.toml', `${manifest}name = "charging"\n`)
    await file('target/release/libcharging.so')
    const path = await file('handlers/charge_card/target/release/libcharging.so')
    expect(found().libraries).toEqual([{ path, root, file: 'charge_card/Cargo.toml' }])
  })

  it('looks for crates below a workspace without a package, and passes by crates that are no handler libraries', async () => {
    await file('handlers/Cargo.toml', '[workspace]\nmembers = ["charge_card", "shared"]\n')
    await file('handlers/charge_card/Cargo.toml', manifest)
    await file('handlers/shared/Cargo.toml', '[package]\nname = "shared"\n')
    const path = await file('handlers/target/release/libcharge_card.so')
    expect(found()).toEqual({ libraries: [{ path, root, file: 'charge_card/Cargo.toml' }], loadFailures: [] })
  })

  it('a crate that is not built is a load failure with the cure', async () => {
    await file('handlers/charge_card/Cargo.toml', manifest)
    const [withoutCargo] = found().loadFailures
    expect(withoutCargo).toMatchObject({ runtime: 'rust', file: 'charge_card/Cargo.toml' })
    expect(withoutCargo?.message).toMatch(/charge_card is not built: cargo is missing.*rustup.rs/)
    const cargo = await file('bin/cargo')
    await chmod(cargo, 0o755)
    const [withCargo] = findHandlerLibraries([root], { searchPath: dirname(cargo) }).loadFailures
    expect(withCargo?.message).toBe('The crate charge_card is not built: run `stephost build`.')
    expect(findHandlerCrates([root])).toEqual([
      { manifest: join(root, 'charge_card/Cargo.toml'), root, file: 'charge_card/Cargo.toml' },
    ])
  })

  it('a manifest that cannot be read is a load failure that says where', async () => {
    await file('handlers/charge_card/Cargo.toml', '[package\nname')
    const [failure] = found().loadFailures
    expect(failure?.file).toBe('charge_card/Cargo.toml')
    expect(failure?.message).toMatch(/line|column|:/)
  })

  it('names a library once when roots overlap', async () => {
    await file('handlers/shop/libshop.so')
    expect(findHandlerLibraries([root, join(root, 'shop')]).libraries).toHaveLength(1)
  })

  it('a root that is missing is HANDLERS_DIR_MISSING', () => {
    expect(() => findHandlerLibraries([join(project, 'nowhere')])).toThrow(
      expect.objectContaining({ code: 'HANDLERS_DIR_MISSING' }),
    )
  })
})
