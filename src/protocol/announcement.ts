// What the processes or threads of a language announce together, and whether changed files may replace what serves.

import path from 'node:path'
import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../model/handler.ts'
import type { HandlerCall } from '../model/runtime-adapter.ts'
import type { HelloMessage } from './messages.ts'
import {
  announcedHandlers,
  announcedLoadFailures,
  announcedPublishers,
  announcedResolvers,
  announcedSubscribers,
  handlerNames,
} from './step-envelope.ts'

export class Announcement {
  /** The same arrays until a guest announces something else: the flow compares them by identity. */
  handlers: readonly HandlerDescriptor[] = []
  publishers: readonly PublisherDescriptor[] = []
  subscribers: readonly SubscriberDescriptor[] = []
  resolvers: readonly ResolverDescriptor[] = []
  #names: ReadonlySet<string> = new Set()
  /** A first guest without handlers announces something too: why there are none. */
  #adopted = false
  #loadFailures: readonly LoadFailure[] = []
  /** Of a reload that was refused; they stand beside those of the version that serves. */
  #refused: readonly LoadFailure[] = []
  #shown: readonly LoadFailure[] = []

  get loadFailures(): readonly LoadFailure[] {
    return this.#shown
  }

  /** Whether the call is for a handler that is announced: a guest that does not know it is then not the last word. */
  promises({ requests: [first], event }: HandlerCall): boolean {
    // What a resolver makes of a name, and events, are no matter of these names.
    if (first === undefined || event !== null || first.handler.resolver !== null) return false
    return this.#names.has(first.handler.callable)
  }

  /** True when the guest's tables are those that are announced. */
  is(hello: HelloMessage): boolean {
    if (!this.#adopted) return false
    const events = [announcedPublishers(hello), announcedSubscribers(hello)]
    const tables = [announcedHandlers(hello), ...events, announcedResolvers(hello)]
    return JSON.stringify(tables) === JSON.stringify([this.handlers, this.publishers, this.subscribers, this.resolvers])
  }

  /** A guest's tables serve from now on. */
  adopt(hello: HelloMessage): void {
    if (!this.is(hello)) {
      this.handlers = announcedHandlers(hello)
      this.#names = handlerNames(hello)
      this.publishers = announcedPublishers(hello)
      this.subscribers = announcedSubscribers(hello)
      this.resolvers = announcedResolvers(hello)
    }
    this.#adopted = true
    this.#loadFailures = announcedLoadFailures(hello)
    this.#show([])
  }

  /**
   * null when the guest's version may replace the one that serves. Otherwise the sentence why not: a file that serves now
   * does not load any more. Its failures are shown until another version is adopted.
   */
  refusal(hello: HelloMessage): string | null {
    const serving = new Set(this.handlers.map(({ root, file }) => path.resolve(root, file)))
    const broken = announcedLoadFailures(hello).filter(({ file }) => serving.has(path.resolve(file)))
    const [first] = broken
    if (first === undefined) return null
    this.#show(broken)
    const others = broken.length === 1 ? '' : ` (and ${broken.length - 1} more files)`
    return `${first.file}: ${first.message}${others}`
  }

  #show(refused: readonly LoadFailure[]): void {
    this.#refused = refused
    const known = new Set(this.#refused.map(({ file }) => file))
    this.#shown = [...this.#refused, ...this.#loadFailures.filter(({ file }) => !known.has(file))]
  }
}
