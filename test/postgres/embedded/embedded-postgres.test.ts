// The embedded server's life in one host: first start, restart, two users at once, and the ways it can fail.
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../../src/postgres/embedded/postmaster.ts'
import { ask, Scratch, serverPid } from './scratch.ts'

describe('EmbeddedPostgres', () => {
  const scratch = Scratch.perTest()

  it('starts from nothing below a directory closed to others, and keeps its data', async () => {
    const dataDir = join(await scratch.directory(), 'state', 'postgres')
    const lines: string[] = []
    const server = scratch.server({ dataDir, log: (line) => lines.push(line) })
    expect(() => server.url).toThrow(expect.objectContaining({ code: 'EMBEDDED_POSTGRES_FAILED' }))
    await server.start()
    expect(
      await ask(
        server.url,
        'SELECT current_database()::text AS name, current_setting($$synchronous_commit$$) AS durable',
      ),
    ).toEqual([{ name: 'stephost', durable: 'on' }])
    await ask(server.url, 'CREATE TABLE kept (n int)')
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600)
    expect(lines).toEqual([
      expect.stringContaining('Making a database cluster'),
      expect.stringContaining('PostgreSQL is ready on 127.0.0.1:'),
    ])
    expect(lines.join()).not.toContain(new URL(server.url).password)
    await server.stop()
    expect(await serverPid(dataDir)).toBeNull()
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).toContain('fast shutdown')

    await server.start()
    expect(await ask(server.url, 'SELECT n FROM kept')).toEqual([])
  })

  it('refuses everybody without the password', async () => {
    const server = scratch.server({ dataDir: await scratch.directory() })
    await server.start()
    const url = new URL(server.url)
    url.password = 'guess'
    await expect(ask(url.toString(), 'SELECT 1')).rejects.toMatchObject({ code: 'DATABASE_DENIED' })
  })

  it('serves two hosts that start at once, until the last one stops', async () => {
    const dataDir = await scratch.directory()
    const [one, two] = [scratch.server({ dataDir }), scratch.server({ dataDir })]
    await Promise.all([one.start(), two.start()])
    expect(one.url).toBe(two.url)
    await one.stop()
    expect(await ask(two.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await Promise.all([two.stop(), two.stop()])
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('stops its server also when the connection of its lease was ended', async () => {
    const dataDir = await scratch.directory()
    const server = scratch.server({ dataDir })
    await server.start()
    await ask(
      server.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stephost lease'`,
    )
    await server.stop()
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('takes another port when its own was taken meanwhile', async () => {
    const thief = createServer()
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve))
    const taken = (thief.address() as { port: number }).port
    const free = await freePort()
    const ports = [taken, free]
    const settings = {
      get port() {
        return String(ports.length > 1 ? ports.shift() : free)
      },
    }
    const server = scratch.server({ dataDir: await scratch.directory(), settings })
    await server.start().finally(() => thief.close())
    expect(new URL(server.url).port).toBe(String(free))
  })

  it('is not misled by a lock file whose process id belongs to somebody else by now', async () => {
    const dataDir = await scratch.directory()
    const server = scratch.server({ dataDir })
    await server.start()
    const lockFile = join(dataDir, 'cluster', 'postmaster.pid')
    const [, ...rest] = (await readFile(lockFile, 'utf8')).split('\n')
    await server.stop()
    await writeFile(lockFile, [process.pid, ...rest].join('\n'), { mode: 0o600 })
    await server.start()
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('shows the last lines of the log and its place when the server does not start', async () => {
    const dataDir = await scratch.directory()
    const server = scratch.server({ dataDir, settings: { shared_buffers: 'plenty' } })
    await expect(server.start()).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringMatching(/postgres\.log:\n(.|\n)*invalid value for parameter "shared_buffers"/),
    })
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('gives up in time and leaves nothing running', async () => {
    const dataDir = await scratch.directory()
    const server = scratch.server({ dataDir, startTimeoutMs: 1 })
    await expect(server.start()).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FAILED' })
    expect(await serverPid(dataDir)).toBeNull()
    await expect(stat(join(dataDir, 'cluster'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('says that the password of an existing cluster is missing', async () => {
    const dataDir = await scratch.directory()
    const server = scratch.server({ dataDir })
    await server.start()
    await server.stop()
    await rm(join(dataDir, 'password'))
    await expect(server.start()).rejects.toMatchObject({
      message: expect.stringContaining('its file "password" is missing'),
    })
  })
})
