// The channel without a transport: order of messages, one settlement per call, and what closes it.

import { describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import type { CallId, StepId } from '../../src/model/ids.ts'
import type { HandlerCall } from '../../src/model/runtime-adapter.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { HostMessage } from '../../src/protocol/messages.ts'
import { WireError } from '../../src/protocol/wire-error.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { loadVectors } from './vectors.ts'

interface Conversation {
  name: string
  calls: { call_id: string; steps: string[] }[]
  guest: { type: string }[]
  error: string | null
  settled: string[]
}

const hello = {
  type: 'hello',
  protocol: 1,
  runtime: 'ruby',
  sdk_version: '0.1.0',
  language_version: '3.1.7',
  pid: 1,
  max_in_flight: 2,
  handlers: [],
  load_failures: [],
}

/** A channel whose transport is two arrays. */
class Guest {
  readonly sent: HostMessage[] = []
  readonly closes: HostError[] = []
  refuse: HostError | null = null
  readonly channel = new Channel({
    runtime: 'ruby',
    send: (message) => {
      if (this.refuse !== null) throw this.refuse
      this.sent.push(message)
    },
    close: (reason) => this.closes.push(reason),
    now: () => 0,
  })
}

function callOf(callId: string, steps: string[]): HandlerCall {
  const [request] = handlerCall({ callable: 'c' }).requests
  if (request === undefined) throw new Error('The fixture has one request.')
  const requests = steps.map((step) => ({ ...request, stepId: step as StepId }))
  return { id: callId as CallId, requests, deadlineAt: 1000, mode: steps.length === 1 ? 'single' : 'batch' }
}

function success(callId: string, step: string): object {
  const entry = { step_uuid: step, success: true, execution_time_ms: 1, metadata: '{}', result: 'null' }
  return { type: 'result', call_id: callId, results: [entry] }
}

describe('Channel on the conversation vectors', () => {
  it.each(loadVectors<Conversation>('conversations'))('$name', async ({ calls, guest, error, settled }) => {
    const { channel, closes, sent } = new Guest()
    const [first, ...rest] = guest
    channel.receive(first)
    const outcomes = calls.map(({ call_id, steps }) => channel.execute(callOf(call_id, steps)))
    for (const message of rest) channel.receive(message)

    expect(closes.map((reason) => (reason as WireError).wireCode)).toEqual(error === null ? [] : [error])
    if (error !== null) expect(sent.at(-1)).toMatchObject({ type: 'error', code: error })
    channel.fail(new HostError('RUNTIME_DIED', 'end of the test'))
    const results = await Promise.allSettled(outcomes)
    const fulfilled = calls.filter((_, index) => results[index]?.status === 'fulfilled').map(({ call_id }) => call_id)
    expect(fulfilled).toEqual(settled)
  })
})

describe('Channel', () => {
  it('refuses calls before hello, above max_in_flight and with an id that is pending', async () => {
    const { channel } = new Guest()
    await expect(channel.execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    channel.receive(hello)
    const pending = channel.execute(callOf('a', ['s']))
    await expect(channel.execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    const second = channel.execute(callOf('b', ['s']))
    await expect(channel.execute(callOf('c', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    expect(channel.inFlight).toBe(2)
    channel.receive(success('b', 's'))
    channel.receive(success('a', 's'))
    expect(await pending).toMatchObject([{ stepId: 's', success: true, result: 'null' }])
    expect(await second).toHaveLength(1)
    expect(channel.inFlight).toBe(0)
  })

  it('answers a call without requests without the guest', async () => {
    const { channel, sent } = new Guest()
    expect(await channel.execute(callOf('a', []))).toEqual([])
    expect(sent).toEqual([])
  })

  it('a message that cannot be sent refuses its call only', async () => {
    const guest = new Guest()
    guest.channel.receive(hello)
    guest.refuse = new WireError('frame_too_large', 'A frame of 9 bytes; at most 8 are allowed.')
    await expect(guest.channel.execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' })
    expect(guest.channel.closedBy).toBeNull()
    expect(guest.channel.inFlight).toBe(0)
  })

  it('is over when a message of its own cannot be sent', async () => {
    const guest = new Guest()
    guest.channel.receive(hello)
    guest.refuse = new HostError('RUNTIME_DIED', 'The pipe is closed.')
    await expect(guest.channel.ping()).rejects.toBe(guest.refuse)
    expect(guest.closes).toEqual([guest.refuse])
  })

  it('cancels pending calls only, and pings by nonce', async () => {
    const { channel, sent } = new Guest()
    channel.receive(hello)
    channel.cancel('nobody' as CallId, 'timeout')
    expect(sent).toEqual([])
    const pending = channel.execute(callOf('a', ['s']))
    channel.cancel('a' as CallId, 'lease_lost')
    expect(sent.at(-1)).toEqual({ type: 'cancel', call_id: 'a', reason: 'lease_lost' })
    channel.receive(success('a', 's'))
    await pending
    const pings = [channel.ping(), channel.ping()]
    channel.receive({ type: 'pong', nonce: 2 })
    await pings[1]
    channel.receive({ type: 'pong', nonce: 1 })
    await pings[0]
    channel.shutdown()
    expect(sent.at(-1)).toEqual({ type: 'shutdown' })
  })

  it('fail() settles calls, pings and hello once and closes once', async () => {
    const { channel, closes } = new Guest()
    const early = channel.hello()
    channel.receive(hello)
    expect((await early).pid).toBe(1)
    expect((await channel.hello()).max_in_flight).toBe(2)
    const call = channel.execute(callOf('a', ['s']))
    const ping = channel.ping()
    const reason = new HostError('RUNTIME_DIED', 'gone')
    channel.fail(reason)
    channel.fail(new HostError('RUNTIME_DIED', 'again'))
    channel.violate(new WireError('frame_empty', 'late'))
    channel.receive(success('a', 's'))
    channel.shutdown()
    for (const each of [call, ping, channel.hello(), channel.ping(), channel.execute(callOf('b', ['s']))]) {
      await expect(each).rejects.toBe(reason)
    }
    expect(closes).toEqual([reason])
  })

  it('fails waiters for hello when the guest never says it', async () => {
    const { channel } = new Guest()
    const waiting = channel.hello()
    channel.fail(new HostError('RUNTIME_UNAVAILABLE', 'no hello'))
    await expect(waiting).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
  })

  it('surfaces an error message of the guest and closes', () => {
    const { channel, closes, sent } = new Guest()
    channel.receive(hello)
    channel.receive({ type: 'error', code: 'unknown_type', message: 'What is "execute"?' })
    expect(closes).toMatchObject([{ code: 'PROTOCOL_ERROR', message: expect.stringContaining('What is "execute"?') }])
    expect(sent).toEqual([])
  })

  it('closes on a violation even when the guest cannot be told', () => {
    const guest = new Guest()
    guest.refuse = new HostError('RUNTIME_DIED', 'The pipe is closed.')
    guest.channel.receive({ type: 'goodbye' })
    expect(guest.closes).toMatchObject([{ wireCode: 'unknown_type' }])
  })
})
