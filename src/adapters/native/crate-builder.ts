// Builds the crates of handlers with cargo; what the compiler says goes to the terminal as it is.

import { dirname, join, resolve } from 'node:path'
import type { HandlerCrate } from './handler-libraries.ts'

export interface CrateBuild {
  /** The manifest, relative to the handler root. */
  readonly file: string
  readonly built: boolean
}

/** A build that takes longer hangs: on a build script, or on the lock of another cargo. */
const buildTimeoutMs = 30 * 60_000

export class CrateBuilder {
  readonly #stop = new AbortController()

  /** One after another, since cargo uses all cores for each. Never rejects: a crate that does not build is a value. */
  async build(crates: readonly HandlerCrate[]): Promise<readonly CrateBuild[]> {
    const builds: CrateBuild[] = []
    for (const crate of crates) {
      builds.push({ file: crate.file, built: !this.#stop.signal.aborted && (await this.#buildOne(crate)) })
    }
    return builds
  }

  /** Ends a build that runs, and refuses further ones. */
  async stop(): Promise<void> {
    this.#stop.abort()
  }

  async #buildOne(crate: HandlerCrate): Promise<boolean> {
    const target = await targetDirectory(crate)
    const manifest = ['--manifest-path', crate.manifest]
    const { execa } = await import('execa')
    const { failed } = await execa('cargo', ['build', '--release', ...manifest, '--target-dir', target], {
      ...{ reject: false, timeout: buildTimeoutMs, cancelSignal: this.#stop.signal },
      // Standard output belongs to commands; cargo writes to standard error only.
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    return !failed
  }
}

/** That of the crate's workspace; crates without one share a directory beside the handler directory. */
async function targetDirectory(crate: HandlerCrate): Promise<string> {
  const arguments_ = ['locate-project', '--workspace', '--message-format', 'plain', '--manifest-path', crate.manifest]
  const { execa } = await import('execa')
  const { stdout, failed } = await execa('cargo', arguments_, { reject: false, timeout: buildTimeoutMs })
  const isOfWorkspace = !failed && resolve(stdout) !== crate.manifest
  return isOfWorkspace ? join(dirname(stdout), 'target') : join(dirname(resolve(crate.root)), 'target')
}
