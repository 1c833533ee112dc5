// The guest's session: calls of several reads, which come while those of an earlier read still wait for their turn.
import { describe, expect, it } from 'vitest'
import type { ExecuteMessage, GuestMessage } from '../../../runtimes/typescript/src/messages.ts'
import { Session } from '../../../runtimes/typescript/src/session.ts'
import { eventually } from '../../fixtures/eventually.ts'

function execute(callId: string): ExecuteMessage {
  return {
    type: 'execute',
    call_id: callId,
    mode: 'single',
    requests: [{ step_uuid: callId }],
  } as unknown as ExecuteMessage
}

describe('a session', () => {
  it('runs the calls of every read, in order, however many reads come before their turn', async () => {
    const posted: GuestMessage[] = []
    const began: string[] = []
    let counted = 0
    const session = new Session({
      post: (message: GuestMessage) => void posted.push(message),
      exit: () => {},
      mayBegin: () => ++counted > 0,
      output: { during: (_step: unknown, run: () => unknown) => run() },
      executor: {
        runBatch: async () => null,
        run: async (message: ExecuteMessage) => {
          began.push(message.call_id)
          expect(counted).toBe(began.length)
          return { step_uuid: message.call_id, success: true }
        },
      },
    } as unknown as ConstructorParameters<typeof Session>[0])
    session.receive([execute('a'), execute('b'), execute('c')])
    session.receive([execute('d'), execute('e')])
    session.receive([])
    session.receive([execute('f'), { type: 'ping', nonce: 7 } as never])
    await eventually('every call has its result', () => posted.filter(({ type }) => type === 'result').length === 6)
    await eventually('the ping is answered', () => posted.some(({ type }) => type === 'pong'))
    expect(began).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(posted.filter(({ type }) => type === 'started')).toEqual([
      { type: 'started', call_ids: ['a', 'b', 'c'] },
      { type: 'started', call_ids: ['d', 'e'] },
      { type: 'started', call_ids: ['f'] },
    ])
  })
})
