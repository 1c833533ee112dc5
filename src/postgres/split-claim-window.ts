// One look at one queue in split mode: messages are read in the queue database, claimed by their ids in the main one, and then archived.

import { messageOf } from '../model/host-error.ts'
import { type JudgedMessages, type MessageJudge, numbersOf, stepQueueOf, type Verdict } from '../model/message-judge.ts'
import { type ClaimWindow, windowOf } from './queries/claim-from-pgmq.ts'
import { lookAtQueue, settleInQueue } from './queries/queue-messages.ts'
import type { Queryable } from './statement.ts'

export interface SplitClaimOptions {
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

const nothing: JudgedMessages = { steps: [], verdicts: [], nextWeighs: null }

export function splitClaimWindow(queues: Queryable, judge: MessageJudge, { warn }: SplitClaimOptions): ClaimWindow {
  return async (request, options, look = { behind: null, window: windowOf(request) }) => {
    const queue = stepQueueOf(options.namespace)
    const seen = await lookAtQueue(queues, queue, look)
    const messages = seen.map(({ msg_id, body }) => ({ number: msg_id, body }))
    const from = { namespace: options.namespace, queue, messages }
    const judged = seen.length === 0 ? nothing : await judge.judge(request, from)
    const { steps, verdicts, nextWeighs } = judged
    const settled = {
      claimed: numbersOf(messages, verdicts, 'claimed'),
      setAside: numbersOf(messages, verdicts, 'malformed', 'gone', 'stale'),
      foreign: numbersOf(messages, verdicts, 'foreign'),
    }
    try {
      await settleInQueue(queues, queue, settled, options)
    } catch (error) {
      // The claim is committed: its messages are stale when they are seen again, and archived then.
      warn('messages of claimed steps could not be archived yet', { queue, error: messageOf(error) })
    }
    const count = (verdict: Verdict) => verdicts.filter((other) => other === verdict).length
    const last = seen.at(-1)
    return {
      steps,
      windowFull: seen.length === look.window,
      leftBehind: count('left') > 0,
      nextWeighs,
      last: last === undefined ? null : { vt: last.vt, messageId: last.msg_id },
      foreign: count('foreign'),
      setAside: { malformed: count('malformed'), gone: count('gone'), stale: count('stale') },
    }
  }
}
