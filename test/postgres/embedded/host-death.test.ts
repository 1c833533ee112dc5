// The embedded server and the end of its host, as a real process: kill -9, SIGTERM, and a host that outlives another.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildScript, type Script } from '../../fixtures/script.ts'
import { ask, Scratch, serverPid } from './scratch.ts'

describe('the end of a host', () => {
  const scratch = Scratch.perTest()
  let script: Script
  const hosts: ChildProcess[] = []

  beforeAll(async () => {
    script = await buildScript('test/fixtures/embedded-host.ts')
  })
  afterAll(() => script.remove())
  afterEach(() => {
    for (const host of hosts.splice(0)) host.kill('SIGKILL')
  })

  const startHost = async (dataDir: string) => {
    const host = spawn(process.execPath, [script.file, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    hosts.push(host)
    const [line] = (await once(host.stdout, 'data')) as [Buffer]
    return { host, url: line.toString().trim() }
  }
  const end = async (host: ChildProcess, signal: NodeJS.Signals) => {
    const exit = once(host, 'exit')
    host.kill(signal)
    return exit
  }

  it('kill -9 leaves the server running, and the next host adopts it', async () => {
    const dataDir = await scratch.directory()
    const { host, url } = await startHost(dataDir)
    await ask(url, 'CREATE TABLE kept (n int)')
    const pid = await serverPid(dataDir)
    await end(host, 'SIGKILL')
    expect(await serverPid(dataDir)).toBe(pid)
    const next = scratch.server({ dataDir })
    await next.start()
    expect(next.url).toBe(url)
    expect(await serverPid(dataDir)).toBe(pid)
    expect(await ask(next.url, 'SELECT n FROM kept')).toEqual([])
    await next.stop()
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('SIGTERM stops the server with the host', async () => {
    const dataDir = await scratch.directory()
    const { host } = await startHost(dataDir)
    expect(await end(host, 'SIGTERM')).toEqual([0, null])
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('the death of the host that started the server does not concern another one that uses it', async () => {
    const dataDir = await scratch.directory()
    const { host } = await startHost(dataDir)
    const other = scratch.server({ dataDir })
    await other.start()
    expect(await end(host, 'SIGTERM')).toEqual([0, null])
    expect(await ask(other.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await other.stop()
    expect(await serverPid(dataDir)).toBeNull()
  })

  it('a server that was killed itself is started anew and recovers', async () => {
    const dataDir = await scratch.directory()
    const first = scratch.server({ dataDir })
    await first.start()
    await ask(first.url, 'CREATE TABLE kept (n int); CHECKPOINT')
    process.kill(Number(await serverPid(dataDir)), 'SIGKILL')
    const second = scratch.server({ dataDir })
    await second.start()
    expect(await ask(second.url, 'SELECT n FROM kept')).toEqual([])
    await first.stop()
    expect(await ask(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})
