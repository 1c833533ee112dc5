// `worker`: how steps are found, how many handlers run at once and for how long, and the worker's own address.
import type { AuthSettings } from '../../model/auth.ts'
import { authConfig, authSettings } from './auth.ts'
import {
  type Address,
  address,
  addressOf,
  boolean,
  integerBetween,
  numberBetween,
  oneOf,
  setting,
  textNotEmpty,
  type Values,
} from './setting.ts'

export const deploymentModes = ['Hybrid', 'EventDrivenOnly', 'PollingOnly'] as const
export type DeploymentMode = (typeof deploymentModes)[number]

export const webSettings = {
  enabled: setting(boolean, 'Whether REST is served'),
  request_timeout_ms: setting(integerBetween(100, 300_000), 'Longest time for one request'),
  config_endpoint_enabled: setting(boolean, 'Whether GET /config is served'),
  auth: authSettings,
}

export const workerSettings = {
  worker_id: setting(textNotEmpty, 'Label of this instance in health and metrics', { env: 'TASKER_WORKER_ID' }),
  event_systems: {
    worker: {
      deployment_mode: setting(oneOf(deploymentModes), 'How steps are found: notifications, polling or both'),
      timing: {
        health_check_interval_seconds: setting(integerBetween(1, 3600), 'How often a NOTIFY to ourselves is probed'),
        fallback_polling_interval_seconds: setting(
          integerBetween(1, 60),
          'Hybrid: how often queues are asked while notifications arrive',
        ),
      },
      metadata: {
        listener: {
          retry_interval_seconds: setting(integerBetween(1, 300), 'Longest wait between two attempts to reconnect'),
          connection_timeout_seconds: setting(integerBetween(1, 300), 'Longest time to connect'),
        },
        fallback_poller: {
          polling_interval_ms: setting(
            integerBetween(100, 60_000),
            'Longest wait between two polls where no notification is sure to arrive',
          ),
        },
      },
    },
  },
  mpsc_channels: {
    handler_dispatch: {
      max_concurrent_handlers: setting(
        integerBetween(1, 10_000),
        'Handlers that run at once, in all languages together',
      ),
      handler_timeout_ms: setting(integerBetween(1000, 600_000), 'Longest time for a handler whose step names none'),
      load_shedding: {
        enabled: setting(boolean, 'Whether a worker that is nearly full claims nothing ahead of a free permit'),
        capacity_threshold_percent: setting(
          numberBetween(0, 100),
          'Share of max_concurrent_handlers and prefetch_max together from which on it claims nothing ahead',
        ),
        warning_threshold_percent: setting(numberBetween(0, 100), 'Share from which on it says so'),
      },
    },
  },
  web: {
    ...webSettings,
    bind_address: setting(address, 'Where REST listens', { env: 'TASKER_WEB_BIND_ADDRESS' }),
  },
}

export interface WebConfig {
  readonly enabled: boolean
  readonly address: Address
  readonly requestTimeoutMs: number
  readonly configEndpoint: boolean
  readonly auth: AuthSettings
}

export interface LoadSheddingConfig {
  readonly enabled: boolean
  readonly capacityThresholdPercent: number
  readonly warningThresholdPercent: number
}

export interface ListenerConfig {
  readonly probeIntervalMs: number
  readonly reconnectDelayMaxMs: number
  readonly connectTimeoutMs: number
}

export interface WorkerConfig {
  readonly id: string
  readonly deploymentMode: DeploymentMode
  readonly listener: ListenerConfig
  readonly pollIntervalMs: number
  readonly notifiedPollIntervalMs: number
  readonly handlersMax: number
  readonly handlerTimeoutMs: number
  readonly loadShedding: LoadSheddingConfig
  readonly web: WebConfig
}

export function workerConfig(values: Values<typeof workerSettings>): WorkerConfig {
  const { load_shedding: shedding } = values.mpsc_channels.handler_dispatch
  const { deployment_mode, timing, metadata } = values.event_systems.worker
  return {
    id: values.worker_id,
    deploymentMode: deployment_mode,
    listener: {
      probeIntervalMs: timing.health_check_interval_seconds * 1000,
      reconnectDelayMaxMs: metadata.listener.retry_interval_seconds * 1000,
      connectTimeoutMs: metadata.listener.connection_timeout_seconds * 1000,
    },
    pollIntervalMs: metadata.fallback_poller.polling_interval_ms,
    notifiedPollIntervalMs: timing.fallback_polling_interval_seconds * 1000,
    handlersMax: values.mpsc_channels.handler_dispatch.max_concurrent_handlers,
    handlerTimeoutMs: values.mpsc_channels.handler_dispatch.handler_timeout_ms,
    loadShedding: {
      enabled: shedding.enabled,
      capacityThresholdPercent: shedding.capacity_threshold_percent,
      warningThresholdPercent: shedding.warning_threshold_percent,
    },
    web: webConfig(values.web, 'worker.web'),
  }
}

export function webConfig(values: Values<typeof workerSettings.web>, table: string): WebConfig {
  return {
    enabled: values.enabled,
    address: addressOf(values.bind_address),
    requestTimeoutMs: values.request_timeout_ms,
    configEndpoint: values.config_endpoint_enabled,
    auth: authConfig(values.auth, `${table}.auth`),
  }
}
