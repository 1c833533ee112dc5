// `dispatch`: leases, waits and graces of the step path. Our own keys; Tasker has none of these.
import { boolean, integerBetween, namespaceNames, setting, type Values } from './setting.ts'

export const dispatchSettings = {
  prefetch_max: setting(integerBetween(0, 10_000), 'Steps claimed ahead of a free permit'),
  lease_ms: setting(integerBetween(2000, 3_600_000), 'A worker without heartbeat for this long is declared dead'),
  heartbeat_ms: setting(integerBetween(100, 600_000), 'Time between heartbeats; well below the lease'),
  foreign_retry_ms: setting(integerBetween(10, 600_000), 'How long a step that nobody here can run is left to others'),
  foreign_grace_ms: setting(
    integerBetween(0, 86_400_000),
    'After this a step that nobody took fails as handler_not_found',
  ),
  resend_after_s: setting(
    integerBetween(1, 86_400),
    'A step that is enqueued for this long gets a new message when its own is lost',
  ),
  drain_grace_ms: setting(integerBetween(0, 3_600_000), 'Time for running handlers at stop'),
  cancel_grace_ms: setting(integerBetween(0, 600_000), 'Time from the request to cancel until the handler is killed'),
  results_waiting_max: setting(integerBetween(1, 1_000_000), 'Results that wait for PostgreSQL before claims stop'),
  results_waiting_bytes_max: setting(integerBetween(1024, 4_294_967_296), 'The same for their size'),
  shutdown_max_ms: setting(
    integerBetween(1000, 7_200_000),
    'From the signal to the end; below the grace of whoever sends it',
  ),
  namespaces: setting(namespaceNames, 'Namespaces that are served beside those of the own templates'),
  find_namespaces: setting(
    boolean,
    'Whether namespaces of others are served too once a template of theirs names a callable that is loaded here',
  ),
  listen_heartbeat_ms: setting(
    integerBetween(100, 600_000),
    'How often a quiet LISTEN connection is asked if it lives',
  ),
  listen_answer_ms: setting(integerBetween(100, 60_000), 'How long LISTEN, its heartbeat and the self-probe may take'),
}

export interface DispatchConfig {
  readonly prefetchMax: number
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly foreignRetryMs: number
  readonly foreignGraceMs: number
  readonly resendAfterMs: number
  readonly drainGraceMs: number
  readonly cancelGraceMs: number
  readonly resultsWaitingMax: number
  readonly resultsWaitingBytesMax: number
  readonly shutdownMaxMs: number
  readonly namespaces: readonly string[]
  readonly findNamespaces: boolean
  readonly listenHeartbeatMs: number
  readonly listenAnswerMs: number
}

export function dispatchConfig(values: Values<typeof dispatchSettings>): DispatchConfig {
  return {
    prefetchMax: values.prefetch_max,
    leaseMs: values.lease_ms,
    heartbeatMs: values.heartbeat_ms,
    foreignRetryMs: values.foreign_retry_ms,
    foreignGraceMs: values.foreign_grace_ms,
    resendAfterMs: values.resend_after_s * 1000,
    drainGraceMs: values.drain_grace_ms,
    cancelGraceMs: values.cancel_grace_ms,
    resultsWaitingMax: values.results_waiting_max,
    resultsWaitingBytesMax: values.results_waiting_bytes_max,
    shutdownMaxMs: values.shutdown_max_ms,
    namespaces: values.namespaces,
    findNamespaces: values.find_namespaces,
    listenHeartbeatMs: values.listen_heartbeat_ms,
    listenAnswerMs: values.listen_answer_ms,
  }
}
