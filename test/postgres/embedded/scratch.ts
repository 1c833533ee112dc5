// What the tests of the embedded server share: directories of their own, and looking at the server from outside.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { Database } from '../../../src/postgres/database.ts'
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '../../../src/postgres/embedded/embedded-postgres.ts'
import { findPostmaster, stopPostmaster } from '../../../src/postgres/embedded/postmaster.ts'

/** Makes directories and servers that are gone after the test, whatever became of it. */
export class Scratch {
  readonly #directories: string[] = []
  readonly #servers: EmbeddedPostgres[] = []

  static perTest(): Scratch {
    const scratch = new Scratch()
    afterEach(() => scratch.#clear())
    return scratch
  }

  /** Closed to every other account, as mkdtemp makes it. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'stephost-embedded-'))
    this.#directories.push(directory)
    return directory
  }

  server(options: EmbeddedPostgresOptions): EmbeddedPostgres {
    const server = new EmbeddedPostgres({ ...options, settings: withoutDurability(options.settings ?? {}) })
    this.#servers.push(server)
    return server
  }

  async #clear(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.stop()))
    for (const directory of this.#directories.splice(0)) {
      // A test that failed half way may have left a server whose host it had killed.
      await stopPostmaster(join(directory, 'cluster'), 5_000)
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** Getters of `settings` stay getters: a test answers differently from one attempt to the next. */
function withoutDurability(settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.defineProperties({ fsync: 'off' }, Object.getOwnPropertyDescriptors(settings))
}

export async function ask<Row extends object>(url: string, text: string): Promise<Row[]> {
  const database = new Database({ url, applicationName: 'embedded test', connectionsMax: 1, acquireTimeoutMs: 5_000 })
  await database.start()
  return database.query<Row>({ text }).finally(() => database.stop())
}

/** The process id of the server on a data directory; null when none runs. */
export async function serverPid(dataDir: string): Promise<number | null> {
  return (await findPostmaster(join(dataDir, 'cluster')))?.pid ?? null
}
