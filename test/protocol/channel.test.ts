// The channel without a transport: order of messages, one settlement per call, and what closes it.

import { describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import type { CallId } from '../../src/model/ids.ts'
import type { HandlerCall } from '../../src/model/runtime-adapter.ts'
import { WireError } from '../../src/protocol/wire-error.ts'
import { callOf, Guest, hello, success } from './guest.ts'
import { loadVectors } from './vectors.ts'

interface Conversation {
  name: string
  calls: { call_id: string; steps: string[] }[]
  guest: { type: string }[]
  error: string | null
  settled: string[]
}

describe('Channel on the conversation vectors', () => {
  it.each(loadVectors<Conversation>('conversations'))('$name', async ({ calls, guest, error, settled }) => {
    const fake = new Guest()
    const { channel, closes, sent } = fake
    const execute = (call: HandlerCall) => fake.execute(call)
    const [first, ...rest] = guest
    channel.receive(first)
    const outcomes = calls.map(({ call_id, steps }) => execute(callOf(call_id, steps)))
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
    const guest = new Guest()
    const { channel } = guest
    const execute = (call: HandlerCall) => guest.execute(call)
    await expect(execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    channel.receive(hello)
    const pending = execute(callOf('a', ['s']))
    await expect(execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    const second = execute(callOf('b', ['s']))
    await expect(execute(callOf('c', ['s']))).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    expect(channel.inFlight).toBe(2)
    channel.receive(success('b', 's'))
    channel.receive(success('a', 's'))
    expect(await pending).toMatchObject([{ stepId: 's', success: true, result: 'null' }])
    expect(await second).toHaveLength(1)
    expect(channel.inFlight).toBe(0)
  })

  it('answers a call without requests without the guest', async () => {
    const guest = new Guest()
    const { sent } = guest
    const execute = (call: HandlerCall) => guest.execute(call)
    expect(await execute(callOf('a', []))).toEqual([])
    expect(sent).toEqual([])
  })

  it('a message that cannot be sent refuses its call only', async () => {
    const guest = new Guest()
    guest.channel.receive(hello)
    guest.refuse = new WireError('frame_too_large', 'A frame of 9 bytes; at most 8 are allowed.')
    await expect(guest.execute(callOf('a', ['s']))).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' })
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
    const guest = new Guest()
    const { channel, sent } = guest
    const execute = (call: HandlerCall) => guest.execute(call)
    channel.receive(hello)
    channel.cancel('nobody' as CallId, 'timeout', 5)
    expect(sent).toEqual([])
    const pending = execute(callOf('a', ['s']))
    channel.cancel('a' as CallId, 'lease_lost', 5)
    expect(sent.at(-1)).toEqual({ type: 'cancel', call_id: 'a', reason: 'lease_lost', grace_ms: 5 })
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
    const guest = new Guest()
    const { channel, closes } = guest
    const execute = (call: HandlerCall) => guest.execute(call)
    const early = channel.hello()
    channel.receive(hello)
    expect((await early).pid).toBe(1)
    expect((await channel.hello()).max_in_flight).toBe(2)
    const call = execute(callOf('a', ['s']))
    const ping = channel.ping()
    const reason = new HostError('RUNTIME_DIED', 'gone')
    channel.fail(reason)
    channel.fail(new HostError('RUNTIME_DIED', 'again'))
    channel.violate(new WireError('frame_empty', 'late'))
    channel.receive(success('a', 's'))
    channel.shutdown()
    for (const each of [call, ping, channel.hello(), channel.ping(), execute(callOf('b', ['s']))]) {
      await expect(each).rejects.toBe(reason)
    }
    expect(closes).toEqual([reason])
  })

  it('fails waiters for hello when the guest never says it', async () => {
    const guest = new Guest()
    const { channel } = guest
    const waiting = channel.hello()
    channel.fail(new HostError('RUNTIME_UNAVAILABLE', 'no hello'))
    await expect(waiting).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
  })

  it('surfaces an error message of the guest and closes', () => {
    const guest = new Guest()
    const { channel, closes, sent } = guest
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

  it('passes on what a call tells, and answers its checkpoints', async () => {
    const guest = new Guest()
    guest.channel.receive(hello)
    const pending = guest.execute(callOf('a', ['s']))
    guest.channel.receive({ type: 'accepted', call_ids: ['a'] })
    guest.channel.receive({ type: 'started', call_ids: ['a'] })
    guest.channel.receive({ type: 'log', step_uuid: 's', stream: 'stdout', level: 'info', message: 'a line' })
    guest.channel.receive({ type: 'heartbeat', in_flight: 1 })
    const checkpoint = { type: 'checkpoint', call_id: 'a', step_uuid: 's', checkpoint_id: 4, data: '{}' }
    guest.channel.receive(checkpoint)
    guest.channel.receive(success('a', 's'))
    await pending
    expect(guest.heard).toEqual(['accepted', 'started', 'a line', 1, 's {}'])
    const answer = { type: 'checkpointed', call_id: 'a', checkpoint_id: 4, stored: false }
    expect(guest.sent.at(-1)).toEqual({ ...answer, message: 'no' })
    guest.channel.receive({ ...checkpoint, checkpoint_id: 5 })
    expect(guest.sent.at(-1)).toMatchObject({ checkpoint_id: 5, message: expect.stringContaining('over') })
  })

  it('gives no further calls after reload, and lets those that run end', async () => {
    const guest = new Guest()
    guest.channel.receive(hello)
    const pending = guest.execute(callOf('a', ['s']))
    guest.channel.reload()
    guest.channel.reload()
    expect(guest.sent.filter(({ type }) => type === 'reload')).toHaveLength(1)
    await expect(guest.execute(callOf('b', ['s']))).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
    guest.channel.receive(success('a', 's'))
    expect(await pending).toHaveLength(1)
  })
})
