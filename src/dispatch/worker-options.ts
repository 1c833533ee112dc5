// What a worker is told when it is made, and what of it can change while it runs.

import type { RuntimeName } from '../model/handler.ts'
import type { JsonLimits } from '../model/json-text.ts'
import type { DrainOptions } from './drain.ts'
import type { LoadSheddingOptions } from './load-shedding.ts'
import type { PermitLimits } from './permit-views.ts'

export type DeploymentMode = 'Hybrid' | 'EventDrivenOnly' | 'PollingOnly'

export interface WorkerOptions extends DrainOptions {
  readonly namespaces: readonly string[]
  readonly namespaceRuntimes: Readonly<Record<string, RuntimeName>>
  readonly rootsByTemplate: ReadonlyMap<string, string>
  readonly mode: DeploymentMode
  readonly permits: PermitLimits
  readonly loadShedding: LoadSheddingOptions
  readonly prefetchMax: number
  readonly handlerTimeoutMs: number
  readonly resultLimits: JsonLimits
  /** The longest wait between two looks at the queues where no notification is sure to tell of a step. */
  readonly pollIntervalMs: number
  /** The same while notifications are known to arrive. */
  readonly notifiedPollIntervalMs: number
  readonly foreignRetryMs: number
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly completionBatchMax: number
  readonly resultsWaitingMax: number
  readonly resultsWaitingBytesMax: number
}

/** What can change while the worker runs. */
export type AdjustableOptions = Pick<WorkerOptions, 'permits' | 'loadShedding' | 'prefetchMax' | 'handlerTimeoutMs'>
