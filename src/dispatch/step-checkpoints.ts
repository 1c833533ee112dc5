// Checkpoints of running steps on their way to the database: checked, one at a time for each step, and never an exception for the handler's runtime.

import { messageOf } from '../model/host-error.ts'
import type { ClaimToken } from '../model/ids.ts'
import { scanJson } from '../model/json-scan.ts'
import type { JsonLimits, JsonText } from '../model/json-text.ts'
import type { CheckpointAck } from '../model/runtime-adapter.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import type { StepStore } from '../model/step-store.ts'

/** A handler waits for each answer; one that does not, and floods, is told so. */
const stepWaitingMax = 16

interface Line {
  waiting: number
  last: Promise<unknown>
}

export class StepCheckpoints {
  readonly #store: Pick<StepStore, 'checkpoint'>
  readonly #limits: JsonLimits
  readonly #lines = new Map<ClaimToken, Line>()

  constructor(store: Pick<StepStore, 'checkpoint'>, limits: JsonLimits) {
    this.#store = store
    this.#limits = limits
  }

  /** Never rejects. Checkpoints of one step are stored in the order of the calls: the last one is what a retry goes on from. */
  async write(step: ClaimedStep, data: JsonText): Promise<CheckpointAck> {
    const problem = scanJson(data, this.#limits)
    if (problem !== null) return refused(`The checkpoint cannot be stored as JSON: ${problem}`)
    const line = this.#lines.get(step.token) ?? { waiting: 0, last: Promise.resolve() }
    if (line.waiting >= stepWaitingMax) {
      return refused(`${stepWaitingMax} checkpoints of this step wait already; wait for the answer of each`)
    }
    this.#lines.set(step.token, line)
    line.waiting += 1
    const answer = line.last.then(() => this.#store.checkpoint(step, data)).catch(unanswered)
    line.last = answer
    const ack = await answer
    line.waiting -= 1
    if (line.waiting === 0) this.#lines.delete(step.token)
    return ack
  }
}

/** Whether it was stored is unknown; a handler that goes on as if it was not is right in both cases. */
function unanswered(error: unknown): CheckpointAck {
  return refused(`The database did not confirm the checkpoint: ${messageOf(error)}`)
}

function refused(message: string): CheckpointAck {
  return { stored: false, message }
}
