// The host's circuit breakers: made from the configuration, their changes told, and the tasks of REST put behind one.

import type { Config } from './config/config.ts'
import { CircuitBreakers } from './dispatch/circuit-breakers.ts'
import type { HostLog } from './host-health.ts'
import type { CircuitBreaker } from './model/circuit-breaker.ts'
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
