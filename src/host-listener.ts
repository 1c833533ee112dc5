// The host's LISTEN connection, made from the configuration, probed through the pool, and spoken of when it loses or finds its voice.

import type { Config } from './config/config.ts'
import type { HostLog } from './host-health.ts'
import type { Database } from './postgres/database.ts'
import { Listener } from './postgres/listener.ts'
import { notifyChannels } from './postgres/queries/notify-channels.ts'

export interface ListenerSurroundings {
  readonly config: Config
  readonly log: Pick<HostLog, 'info' | 'warn'>
  readonly database: Database
  readonly databaseUrl: string
}

export function makeListener({ config, log, database, databaseUrl }: ListenerSurroundings): Listener {
  const { url, listenUrl } = config.database
  const listener = new Listener({
    ...config.worker.listener,
    // The embedded server has no pooler, whatever a file says about another one.
    url: url === null ? databaseUrl : (listenUrl ?? databaseUrl),
    applicationName: 'stephost listener',
    heartbeatMs: config.dispatch.listenHeartbeatMs,
    answerTimeoutMs: config.dispatch.listenAnswerMs,
    send: (channel, payload) => notifyChannels(database, [channel], payload),
  })
  let trouble: string | null = null
  listener.watch(() => {
    const { arriving, message } = listener.health()
    if (arriving && trouble !== null) log.info({}, 'notifications of PostgreSQL arrive again')
    if (!arriving && message !== null && message !== 'stopped' && message !== trouble) {
      log.warn({}, `notifications of PostgreSQL do not arrive: ${message}`)
    }
    trouble = message === 'stopped' ? null : message
  })
  return listener
}
