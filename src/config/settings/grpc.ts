// `orchestration.grpc`: where gRPC is served and what it tells of itself. Who may use it is in `orchestration.web.auth`.
import {
  type Address,
  address,
  addressOf,
  boolean,
  type Format,
  form,
  integerBetween,
  setting,
  type Values,
} from './setting.ts'

/** Tasker reads the key and serves plain text all the same; whoever sets it must not believe that. */
const noTls: Format<boolean> = form(
  'false: TLS ends in front of stephost, which serves plain HTTP/2',
  (value) => value === false,
)

export const grpcSettings = {
  enabled: setting(boolean, 'Whether gRPC is served'),
  bind_address: setting(address, 'Where gRPC listens', { env: 'TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS' }),
  tls_enabled: setting(noTls, 'Always false'),
  keepalive_interval_seconds: setting(integerBetween(1, 3600), 'How often a silent connection is asked for a sign'),
  keepalive_timeout_seconds: setting(integerBetween(1, 300), 'Longest wait for that sign'),
  max_concurrent_streams: setting(integerBetween(1, 10_000), 'Calls at once on one connection'),
  enable_reflection: setting(boolean, 'Whether clients may ask for the services and messages'),
  enable_health_service: setting(boolean, 'Whether grpc.health.v1 is served'),
}

export interface GrpcConfig {
  readonly enabled: boolean
  readonly address: Address
  readonly keepaliveIntervalMs: number
  readonly keepaliveTimeoutMs: number
  readonly callsPerConnectionMax: number
  readonly reflection: boolean
  readonly health: boolean
}

export function grpcConfig(values: Values<typeof grpcSettings>): GrpcConfig {
  return {
    enabled: values.enabled,
    address: addressOf(values.bind_address),
    keepaliveIntervalMs: values.keepalive_interval_seconds * 1000,
    keepaliveTimeoutMs: values.keepalive_timeout_seconds * 1000,
    callsPerConnectionMax: values.max_concurrent_streams,
    reflection: values.enable_reflection,
    health: values.enable_health_service,
  }
}
