// Loads handler libraries into the addon and reads what each announces; a library that does not load is a load failure.

import { statSync } from 'node:fs'
import type { HandlerDescriptor, LoadFailure } from '../../model/handler.ts'
import { messageOf } from '../../model/host-error.ts'
import { decodePayload } from '../../protocol/codec.ts'
import { decodeGuestMessage, type HelloMessage } from '../../protocol/messages.ts'
import { announcedHandlers, announcedLoadFailures } from '../../protocol/step-envelope.ts'
import type { HandlerHost } from './addon.ts'
import type { HandlerLibraryFile } from './handler-libraries.ts'
import { withCopy } from './library-copy.ts'

export interface LoadedHandlers {
  readonly handlers: readonly HandlerDescriptor[]
  readonly failures: readonly LoadFailure[]
  /** Callable or alias → the library's number in the addon. */
  readonly routes: ReadonlyMap<string, number>
}

interface LoadedLibrary {
  readonly library: number
  readonly hello: HelloMessage
}

export class LibraryLoader {
  readonly #host: HandlerHost
  /** By path and version of the file: one that has not changed is not loaded again, since none is ever unloaded. */
  readonly #loaded = new Map<string, LoadedLibrary>()

  constructor(host: HandlerHost) {
    this.#host = host
  }

  /** Libraries load in the given order; the first that declares a name serves it, and the other one is told so. */
  load(files: readonly HandlerLibraryFile[]): LoadedHandlers {
    const owners = new Map<string, HandlerDescriptor>()
    const routes = new Map<string, number>()
    const failures: LoadFailure[] = []
    for (const file of files) {
      const origin = { file: file.file, root: file.root }
      try {
        const { library, hello } = this.#library(file.path)
        failures.push(...announcedLoadFailures(hello).map((failure) => ({ ...failure, file: file.file })))
        for (const announced of announcedHandlers(hello)) {
          const handler = { ...announced, ...origin }
          const owner = owners.get(handler.callable)
          if (owner === undefined) {
            owners.set(handler.callable, handler)
            routes.set(handler.callable, library)
            for (const alias of handler.aliases) if (!routes.has(alias)) routes.set(alias, library)
          } else {
            const message = `${handler.callable} is declared twice: in ${place(owner)} and in ${place(handler)}; rename one.`
            failures.push({ runtime: 'rust', file: file.file, message })
          }
        }
      } catch (error) {
        failures.push({ runtime: 'rust', file: file.file, message: messageOf(error) })
      }
    }
    return { handlers: [...owners.values()], failures, routes }
  }

  #library(path: string): LoadedLibrary {
    const { ino, size, mtimeMs } = statSync(path)
    const version = JSON.stringify([path, ino, size, mtimeMs])
    const known = this.#loaded.get(version)
    if (known !== undefined) return known
    const { library, code, hello } = withCopy(path, (copy) => this.#host.load(copy, path))
    if (hello === null) throw new Error(`${path} cannot list its handlers (code ${code})`)
    const message = decodeGuestMessage(decodePayload(hello))
    if (message.type !== 'hello') throw new Error(`${path} announces itself with ${message.type} instead of hello`)
    const loaded = { library, hello: message }
    this.#loaded.set(version, loaded)
    return loaded
  }
}

function place(handler: HandlerDescriptor): string {
  return `${handler.root}/${handler.file}`
}
