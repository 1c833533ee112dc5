// The embedded orchestrator of a host, made from the configuration.

import type { Config } from './config/config.ts'
import type { CircuitBreakers } from './dispatch/circuit-breakers.ts'
import type { HostLog } from './host-health.ts'
import type { BackgroundStore } from './model/background-store.ts'
import type { CircuitBreaker } from './model/circuit-breaker.ts'
import type { OrchestrationStore } from './model/orchestration-store.ts'
import type { Neighbour } from './model/result-judge.ts'
import type { WakeUps } from './model/wake-ups.ts'
import { Orchestrator } from './orchestration/orchestrator.ts'

interface OrchestratorParts {
  readonly config: Config
  readonly log: Pick<HostLog, 'warn'>
  readonly store: OrchestrationStore
  readonly backgroundStore: BackgroundStore
  /** null: nothing in this host listens. */
  readonly wakeUps: WakeUps | null
  readonly neighbour: Neighbour
  readonly circuits: CircuitBreakers
  readonly webCircuit: CircuitBreaker
}

/** Field by field: a setting that nobody takes is found by a test, and one in a whole that is handed on would not be. */
export function makeOrchestrator(parts: OrchestratorParts): Orchestrator {
  const { config, log, store, wakeUps, neighbour, circuits, webCircuit } = parts
  const { orchestration, backoff } = config
  return new Orchestrator({
    ...{ store, neighbour },
    wakeUps: orchestration.deploymentMode === 'PollingOnly' ? null : wakeUps,
    polls: orchestration.deploymentMode !== 'EventDrivenOnly',
    onFault: ({ part, error }) => log.warn({ part, code: error.code }, error.message),
    onWarning: (message) => log.warn({}, message),
    breakers: { loops: circuits.make('orchestration', 'taskReadiness'), web: webCircuit },
    backoff: {
      baseS: backoff.ladderS[0] ?? 1,
      multiplier: backoff.multiplier,
      maxS: backoff.delayMaxS,
      jitterEnabled: backoff.jitterRatio > 0,
      jitterShareMax: backoff.jitterRatio,
    },
    outcomeLimits: {
      decisionsEnabled: orchestration.decisionsEnabled,
      batchesEnabled: orchestration.batchesEnabled,
      decisionStepsMax: orchestration.decisionStepsMax,
      decisionDepthMax: orchestration.decisionDepthMax,
      decisionStepsWarn: orchestration.decisionStepsWarn,
      decisionDepthWarn: orchestration.decisionDepthWarn,
    },
    background: { store: parts.backgroundStore, settings: orchestration.background },
    resultBatchMax: orchestration.resultBatchMax,
    timing: {
      resultPollMs: orchestration.resultPollIntervalMs,
      retryPollMs: orchestration.readinessPollIntervalMs,
    },
  })
}
