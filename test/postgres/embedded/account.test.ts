// As whom the server runs: as this user, in a namespace as root, or as another account where there are no namespaces.
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { chooseAccount } from '../../../src/postgres/embedded/account.ts'
import { findBinaries } from '../../../src/postgres/embedded/binaries.ts'
import { ask, Scratch, serverPid } from './scratch.ts'

const isRoot = process.getuid?.() === 0

describe('account', () => {
  const scratch = Scratch.perTest()

  it('owns the cluster', async () => {
    const binaries = await findBinaries()
    const { account } = await chooseAccount({ binaries, cluster: '/nonexistent', userNamespaces: true })
    const dataDir = await scratch.directory()
    await scratch.server({ dataDir }).start()
    expect((await stat(join(dataDir, 'cluster'))).uid).toBe(account.owner.uid)
  })

  // Another user has no way to become somebody else, so there is nothing to choose.
  if (isRoot) {
    it('is an unprivileged one where there are no user namespaces, and stays it for that cluster', async () => {
      const dataDir = await scratch.directory()
      await chmod(dataDir, 0o755)
      const server = scratch.server({ dataDir, userNamespaces: false })
      await server.start()
      expect((await stat(join(dataDir, 'cluster'))).uid).not.toBe(0)
      expect((await stat(`/proc/${await serverPid(dataDir)}`)).uid).not.toBe(0)
      await ask(server.url, 'CREATE TABLE kept (n int)')
      await server.stop()

      const later = scratch.server({ dataDir })
      await later.start()
      expect(await ask(later.url, 'SELECT n FROM kept')).toEqual([])
    })

    it('asks no program of the PATH that is called test', async () => {
      const programs = await scratch.directory()
      await writeFile(join(programs, 'test'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
      vi.stubEnv('PATH', `${programs}:${process.env['PATH']}`)
      const server = scratch.server({ dataDir: await scratch.directory() })
      await server.start().finally(() => vi.unstubAllEnvs())
      expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    })

    it('refuses a directory that is closed to it, with the reason and two ways out, and leaves its rights alone', async () => {
      const closed = join(await scratch.directory(), 'closed')
      await chmod(join(closed, '..'), 0o755)
      await mkdir(closed, { mode: 0o700 })
      const server = scratch.server({ dataDir: join(closed, 'data'), userNamespaces: false })
      await expect(server.start()).rejects.toMatchObject({
        code: 'EMBEDDED_POSTGRES_FAILED',
        message: expect.stringMatching(new RegExp(`cannot enter ${closed},.*--data-dir.*DATABASE_URL`)),
      })
      expect((await stat(closed)).mode & 0o777).toBe(0o700)
    })
  }
})
