// Tasker's keys that are accepted and not used yet, so that a configuration file written for Tasker loads unchanged.

/** Each entry stands for itself and, where it is a table, for all below it. Source: worker-api-and-config §3.3, §3.4, orchestration-semantics §8.3. */
export const unusedTaskerKeys = [
  'common.system',
  'common.pgmq_database.pool',
  'common.queues.orchestration_namespace',
  'common.queues.worker_namespace',
  'common.queues.naming_pattern',
  'common.queues.pgmq.queue_depth_thresholds',
  'common.queues.rabbitmq',
  'common.circuit_breakers.global_settings.metrics_collection_interval_seconds',
  'common.circuit_breakers.component_configs.cache',
  'common.mpsc_channels',
  'common.execution',
  'common.cache',
  'common.task_templates',
  'worker.worker_type',
  'worker.circuit_breakers',
  'worker.event_systems.worker.system_id',
  'worker.event_systems.worker.timing',
  'worker.event_systems.worker.processing',
  'worker.event_systems.worker.health',
  'worker.event_systems.worker.metadata',
  'worker.mpsc_channels.command_processor',
  'worker.mpsc_channels.event_systems',
  'worker.mpsc_channels.event_subscribers',
  'worker.mpsc_channels.in_process_events',
  'worker.mpsc_channels.event_listeners',
  'worker.mpsc_channels.domain_events',
  'worker.mpsc_channels.handler_dispatch.dispatch_buffer_size',
  'worker.mpsc_channels.handler_dispatch.completion_buffer_size',
  'worker.mpsc_channels.ffi_dispatch',
  'worker.orchestration_client',
  'worker.web.database_pools',
  'worker.web.auth',
  'worker.web.config_endpoint_enabled',
  'worker.grpc',
  'orchestration.event_systems.orchestration.system_id',
  'orchestration.event_systems.orchestration.timing',
  'orchestration.event_systems.orchestration.processing',
  'orchestration.event_systems.orchestration.health',
  'orchestration.event_systems.orchestration.metadata',
  'orchestration.event_systems.task_readiness',
  'orchestration.decision_points',
  'orchestration.dlq',
  'orchestration.batch_processing',
  'orchestration.mpsc_channels',
  'orchestration.web.database_pools',
  'orchestration.web.auth',
  'orchestration.web.config_endpoint_enabled',
  'orchestration.grpc',
] as const

/** Tables of that name are documentation in Tasker's base files. */
const documentationTable = '_docs'

export function isUnusedTaskerKey(key: string): boolean {
  if (key.split('.').includes(documentationTable)) return true
  return unusedTaskerKeys.some((known) => key === known || key.startsWith(`${known}.`))
}
