// Notifies channels, in a transaction of its own: one that notifies holds a lock of the whole server through its commit.

import type { Queryable } from '../statement.ts'

export async function notifyChannels(database: Queryable, channels: readonly string[], payload = ''): Promise<void> {
  await database.query({
    name: 'notify-channels',
    text: 'SELECT pg_notify(channel, $2::text) FROM unnest($1::text[]) AS channel',
    values: [channels, payload],
  })
}
