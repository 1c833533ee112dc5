// The host's circuit breakers: made from the configuration, their changes told, and the tasks of REST put behind one.

import type { Config } from './config/config.ts'
import { CircuitBreakers } from './dispatch/circuit-breakers.ts'
import type { HostLog } from './host-health.ts'
import type { CircuitBreaker } from './model/circuit-breaker.ts'
import type { OrchestrationReads } from './model/orchestration-reads.ts'
import type { RedriveService } from './model/redrive.ts'
import type { TaskService } from './model/task.ts'

export function makeCircuits(config: Config, log: HostLog): CircuitBreakers {
  return new CircuitBreakers(config.breakers, ({ name, from, to, lastFailure }) => {
    const details = { circuit: name, from, to, lastFailure }
    if (to === 'open') log.warn(details, `the circuit "${name}" opens: ${lastFailure ?? ''}`)
    else log.info(details, `the circuit "${name}" is ${to === 'closed' ? 'closed again' : 'half-open'}`)
  })
}

/** Requests over REST that find the database away are refused at once after a while, instead of waiting one by one. */
export function guardedTasks(tasks: TaskService, breaker: CircuitBreaker): TaskService {
  return {
    createTask: (request) => breaker.run(() => tasks.createTask(request)),
    task: (taskId) => breaker.run(() => tasks.task(taskId)),
    steps: (taskId) => breaker.run(() => tasks.steps(taskId)),
    progress: (taskId) => breaker.run(() => tasks.progress(taskId)),
    cancel: (taskId) => breaker.run(() => tasks.cancel(taskId)),
    actOnStep: (taskId, stepId, action) => breaker.run(() => tasks.actOnStep(taskId, stepId, action)),
  }
}

export function guardedRedrives(redrives: RedriveService, breaker: CircuitBreaker): RedriveService {
  return { redrive: (entryId, change) => breaker.run(() => redrives.redrive(entryId, change)) }
}

export function guardedReads(reads: OrchestrationReads, breaker: CircuitBreaker): OrchestrationReads {
  return {
    tasks: (filter, page) => breaker.run(() => reads.tasks(filter, page)),
    step: (stepId) => breaker.run(() => reads.step(stepId)),
    taskBackground: (taskId) => breaker.run(() => reads.taskBackground(taskId)),
    stepAudit: (stepId) => breaker.run(() => reads.stepAudit(stepId)),
    templates: (namespace) => breaker.run(() => reads.templates(namespace)),
    template: (key) => breaker.run(() => reads.template(key)),
    performance: (hours) => breaker.run(() => reads.performance(hours)),
    bottlenecks: (options) => breaker.run(() => reads.bottlenecks(options)),
    dlqEntries: (options) => breaker.run(() => reads.dlqEntries(options)),
    dlqEntryOf: (taskId) => breaker.run(() => reads.dlqEntryOf(taskId)),
    changeDlqEntry: (entryId, change) => breaker.run(() => reads.changeDlqEntry(entryId, change)),
    dlqStats: () => breaker.run(() => reads.dlqStats()),
    investigationQueue: (limit) => breaker.run(() => reads.investigationQueue(limit)),
    staleness: (options) => breaker.run(() => reads.staleness(options)),
    queueDepth: (max) => breaker.run(() => reads.queueDepth(max)),
  }
}
