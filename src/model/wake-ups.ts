// Wake-ups: a notification says "look now", never what to find (design D4).

export interface WakeUps {
  /** Notifications are known to arrive: the connection lives, and the last self-probe came through. */
  readonly arriving: boolean
  /**
   * Calls `wake` after each notification on the channel and after every reconnect (something may have been missed).
   * Resolves with the way to stop listening.
   */
  listen(channel: string, wake: () => void): Promise<() => Promise<void>>
  /** Calls `changed` after each change of `arriving`. Answers with the way to stop. */
  watch(changed: () => void): () => void
}

/** Told by whoever sends a step. Source: wire-protocol §3.3. */
export function readyChannel(namespace: string): string {
  return `pgmq_message_ready.${namespace}`
}

/** Told by a worker when messages that it hid are visible again. Ours alone: Tasker's parts would not know what to do with it. */
export function visibleChannel(namespace: string): string {
  return `stephost_visible.${namespace}`
}

/** Told when a queue was created, of whatever kind, for templates that may follow. Source: wire-protocol §3.3. */
export const queueCreatedChannel = 'pgmq_queue_created'

/** Told when steps that are in progress were cancelled or resolved: whoever runs one should look whether it is still its own. */
export const takenBackChannel = 'stephost_taken_back'
