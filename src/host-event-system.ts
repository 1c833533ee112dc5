// How steps are found, as health tells it: the mode in force, the last notification, the last poll, and why it is degraded.

import type { DeploymentMode } from './dispatch/worker-options.ts'
import type { HealthCheck, HealthFact } from './model/health.ts'
import type { ListenerHealth } from './postgres/listener.ts'

export interface EventSystem {
  readonly mode: DeploymentMode
  /** null: there is no LISTEN connection, as in `PollingOnly`. */
  readonly listener: ListenerHealth | null
  /** Milliseconds since 1970; null: not yet. */
  readonly lastPollAtMs: number | null
}

/** `EventDrivenOnly` without notifications finds nothing; `Hybrid` goes on by polling. */
export function eventSystemCheck({ mode, listener, lastPollAtMs }: EventSystem): HealthCheck {
  const looks = `last poll ${timeOf(lastPollAtMs) ?? 'none'}`
  if (mode === 'PollingOnly' || listener === null) {
    return { status: 'healthy', message: `${mode}: no LISTEN connection; ${looks}`, durationMs: 0 }
  }
  const facts = `last notification ${timeOf(listener.lastNotificationAtMs) ?? 'none'}, ${looks}`
  if (listener.arriving) {
    return { status: 'healthy', message: `${mode}: notifications arrive; ${facts}`, durationMs: 0 }
  }
  const cause = listener.message ?? 'notifications are not known to arrive'
  return mode === 'Hybrid'
    ? { status: 'degraded', message: `${mode}: steps are found by polling alone: ${cause}; ${facts}`, durationMs: 0 }
    : { status: 'unhealthy', message: `${mode}: steps are not found: ${cause}; ${facts}`, durationMs: 0 }
}

export function eventSystemFacts({ mode, listener, lastPollAtMs }: EventSystem): Readonly<Record<string, HealthFact>> {
  return {
    deployment_mode: mode,
    notifications_arriving: listener?.arriving ?? null,
    last_notification_at: timeOf(listener?.lastNotificationAtMs ?? null),
    last_poll_at: timeOf(lastPollAtMs),
    listener_reconnects: listener?.reconnects ?? 0,
  }
}

function timeOf(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString()
}
