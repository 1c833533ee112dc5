// Wake-ups: a notification says "look now", never what to find (design D4).

export interface WakeUps {
  /**
   * Calls `wake` after each notification on the channel and after every reconnect (something may have been missed).
   * Resolves with the way to stop listening.
   */
  listen(channel: string, wake: () => void): Promise<() => Promise<void>>
}
