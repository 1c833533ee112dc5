// The worker is the host: handler files that would start one are told so. Source of names: handler-api §1.3.

import { PermanentError } from './errors.ts'
import { HandlerRegistry } from './registry.ts'

const refusal =
  'This thread runs handlers for a worker that is up already; start a worker with `stephost worker --handlers DIRECTORY`.'

/** The handlers of this thread. */
export class HandlerSystem extends HandlerRegistry {
  /** How many names are registered: the runtime loads the handler files by itself. */
  async loadFromPath(_directory: string): Promise<number> {
    return HandlerRegistry.instance.handlerCount()
  }

  async loadFromEnv(): Promise<number> {
    return HandlerRegistry.instance.handlerCount()
  }
}

export class WorkerServer {
  readonly #handlers = new HandlerSystem()

  /** Rejects with a PermanentError: a worker in this thread would compete with the host for its steps. */
  async start(_options: { readonly namespace?: string } = {}): Promise<never> {
    throw new PermanentError(refusal)
  }

  /** The host stops its threads. */
  async shutdown(): Promise<void> {}

  getHandlerSystem(): HandlerSystem {
    return this.#handlers
  }

  /** The host brings steps and events: there is nothing of Tasker's in this thread. */
  getEventSystem(): null {
    return null
  }

  /** Never called: a thread may end at any time. */
  onShutdown(_callback: () => unknown): void {}

  async healthCheck(): Promise<{ readonly healthy: boolean; readonly managedBy: string }> {
    return { healthy: true, managedBy: 'stephost' }
  }

  status(): { readonly running: boolean; readonly managedBy: string } {
    return { running: true, managedBy: 'stephost' }
  }
}
