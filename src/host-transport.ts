// How step messages travel: pgmq in the database of the steps, pgmq in a database of its own (split mode), or RabbitMQ.

import type { Config } from './config/config.ts'
import type { DeploymentMode } from './dispatch/worker-options.ts'
import { Outbox } from './messaging/outbox.ts'
import { RabbitmqClaimSource } from './messaging/rabbitmq-claim-source.ts'
import { RabbitmqConnection } from './messaging/rabbitmq-connection.ts'
import { RabbitmqSender } from './messaging/rabbitmq-sender.ts'
import { ResendSweep } from './messaging/resend-sweep.ts'
import type { ClaimSource } from './model/claim-source.ts'
import type { HealthCheck } from './model/health.ts'
import { HostError } from './model/host-error.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import type { Resender } from './model/resend.ts'
import { type MessageSender, type OutgoingMessages, resultQueue } from './model/step-message.ts'
import type { WakeUps } from './model/wake-ups.ts'
import type { Database } from './postgres/database.ts'
import { PgmqClaimSource } from './postgres/pgmq-claim-source.ts'
import { PgmqResender } from './postgres/pgmq-resender.ts'
import { PgmqSender } from './postgres/pgmq-sender.ts'
import { PostgresMessageJudge } from './postgres/postgres-message-judge.ts'
import { RemoteResender } from './postgres/remote-resender.ts'
import { splitClaimWindow } from './postgres/split-claim-window.ts'

export interface TransportOptions {
  readonly queues: Pick<Config['queues'], 'backend' | 'onClaim' | 'rabbitmq'>
  readonly dispatch: Pick<Config['dispatch'], 'foreignRetryMs' | 'foreignGraceMs' | 'resendAfterMs' | 'cancelGraceMs'>
  /** Of the steps; for searches. */
  readonly database: Database
  /** The same, for claims. */
  readonly stepDatabase: Database
  /** Of the queues, started and stopped by its owner; null: they are with the steps, or in RabbitMQ. */
  readonly queueDatabase: Database | null
  readonly namespaces: readonly string[]
  /** How often lost messages are looked for; null: somebody else in this process does. */
  readonly resendEveryMs: number | null
  /** Steps that the worker takes at most, running and ahead. */
  roomMax(): number
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

/** To be started before its worker and stopped after it. */
export interface Transport extends Lifecycle {
  readonly source: ClaimSource
  /** null: every statement sends its own messages. */
  readonly outgoing: OutgoingMessages | null
  /** null: the notifications of PostgreSQL wake. */
  readonly wakeUps: WakeUps | null
  /** Of RabbitMQ; null where health has nothing to say beyond that of the databases. */
  check(): HealthCheck | null
}

const outgoingMax = 10_000
/** Of all workers together: one looks in each interval. */
export const resendEveryDefaultMs = 60_000

/** Rejects in `start` with the HostErrors of the broker. */
export function makeTransport(options: TransportOptions): Transport {
  if (options.queues.backend === 'rabbitmq') return rabbitmqTransport(options)
  return options.queueDatabase === null ? pgmqTransport(options) : splitTransport(options, options.queueDatabase)
}

/** RabbitMQ has nothing to poll. */
export function modeInForce(config: Config): DeploymentMode {
  return config.queues.backend === 'rabbitmq' ? 'EventDrivenOnly' : config.worker.deploymentMode
}

/** Throws CONFIG_INVALID where the embedded orchestrator could not reach the queues: it moves tasks and messages in one transaction. */
export function requireOneDatabase({ queues }: Config): void {
  const elsewhere =
    queues.backend === 'rabbitmq'
      ? 'common.queues.backend = "rabbitmq" (TASKER_MESSAGING_BACKEND)'
      : 'common.pgmq_database.url (PGMQ_DATABASE_URL), another database than common.database.url,'
  if (queues.backend === 'pgmq' && queues.databaseUrl === null) return
  const message = `${elsewhere} is for \`stephost worker\` beside Tasker's server: the embedded orchestrator of dev, run and orchestrator needs its queues in the database of the steps`
  throw new HostError('CONFIG_INVALID', message)
}

function pgmqTransport(options: TransportOptions): Transport {
  const { database, stepDatabase, namespaces, dispatch, queues } = options
  const sweep = sweepOf(options, new PgmqResender(database))
  return {
    source: new PgmqClaimSource(stepDatabase, { ...dispatch, namespaces, onClaim: queues.onClaim }),
    ...{ outgoing: null, wakeUps: null, check: () => null },
    start: () => sweep.start(),
    stop: () => sweep.stop(),
  }
}

function splitTransport(options: TransportOptions, queueDatabase: Database): Transport {
  const { database, stepDatabase, namespaces, dispatch, queues, warn } = options
  const sender = new PgmqSender(queueDatabase)
  const outbox = outboxOf(options, sender)
  const sweep = sweepOf(options, new RemoteResender(database, { sender, queues: queueDatabase }))
  const judge = new PostgresMessageJudge(stepDatabase, dispatch)
  return {
    source: new PgmqClaimSource(
      queueDatabase,
      { ...dispatch, namespaces, onClaim: queues.onClaim },
      splitClaimWindow(queueDatabase, judge, { warn }),
    ),
    ...{ outgoing: outbox, wakeUps: null, check: () => null },
    start: () => sweep.start(),
    stop: async () => {
      await Promise.all([sweep.stop(), outbox.close(dispatch.cancelGraceMs)])
    },
  }
}

function rabbitmqTransport(options: TransportOptions): Transport {
  const { database, stepDatabase, namespaces, dispatch, queues, warn } = options
  const { url, heartbeatS, prefetchMax } = queues.rabbitmq
  const connection = new RabbitmqConnection({ url, heartbeatS, applicationName: 'stephost', warn })
  const sender = new RabbitmqSender(connection, { queues: [resultQueue] })
  const source = new RabbitmqClaimSource(connection, new PostgresMessageJudge(stepDatabase, dispatch), sender, {
    ...dispatch,
    namespaces,
    window: () => Math.min(prefetchMax, options.roomMax()),
  })
  const outbox = outboxOf(options, sender)
  const sweep = sweepOf(options, new RemoteResender(database, { sender, queues: null }))
  return {
    ...{ source, outgoing: outbox, wakeUps: source },
    check: () => {
      const { fault } = connection
      const message = fault ?? 'RabbitMQ pushes; whatever the mode, nothing is polled'
      return { status: fault === null ? 'healthy' : 'unhealthy', message, durationMs: 0 }
    },
    start: async () => {
      await connection.start()
      await sweep.start()
    },
    stop: async () => {
      await Promise.all([sweep.stop(), outbox.close(dispatch.cancelGraceMs)])
      await connection.stop()
    },
  }
}

function outboxOf({ warn }: TransportOptions, sender: MessageSender): Outbox {
  return new Outbox({ sender, waitingMax: outgoingMax, warn })
}

function sweepOf({ resendEveryMs, dispatch, warn }: TransportOptions, resender: Resender): Lifecycle {
  if (resendEveryMs === null) return { start: async () => {}, stop: async () => {} }
  return new ResendSweep({ resender, everyMs: resendEveryMs, olderThanMs: dispatch.resendAfterMs, warn })
}
