// Loads handler libraries into the addon and reads what each announces; a library that does not load is a load failure.

import type { HandlerDescriptor, LoadFailure } from '../../model/handler.ts'
import { messageOf } from '../../model/host-error.ts'
import { decodePayload } from '../../protocol/codec.ts'
import { decodeGuestMessage, type HelloMessage } from '../../protocol/messages.ts'
import { announcedHandlers, announcedLoadFailures } from '../../protocol/step-envelope.ts'
import type { HandlerHost } from './addon.ts'
import type { HandlerLibraryFile } from './handler-libraries.ts'

export interface LoadedHandlers {
  readonly handlers: readonly HandlerDescriptor[]
  readonly failures: readonly LoadFailure[]
  /** Callable or alias → the library's number in the addon. */
  readonly routes: ReadonlyMap<string, number>
}

/** Libraries load in the given order; the first that declares a name serves it, and the other one is told so. */
export function loadLibraries(host: HandlerHost, files: readonly HandlerLibraryFile[]): LoadedHandlers {
  const owners = new Map<string, HandlerDescriptor>()
  const routes = new Map<string, number>()
  const failures: LoadFailure[] = []
  for (const file of files) {
    const origin = { file: file.file, root: file.root }
    try {
      const { library, hello } = load(host, file.path)
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

function load(host: HandlerHost, path: string): { library: number; hello: HelloMessage } {
  const { library, code, hello } = host.load(path)
  if (hello === null) throw new Error(`${path} cannot list its handlers (code ${code})`)
  const message = decodeGuestMessage(decodePayload(hello))
  if (message.type !== 'hello') throw new Error(`${path} announces itself with ${message.type} instead of hello`)
  return { library, hello: message }
}

function place(handler: HandlerDescriptor): string {
  return `${handler.root}/${handler.file}`
}
