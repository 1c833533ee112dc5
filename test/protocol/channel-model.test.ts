// The channel beside a model of PROTOCOL.md §4: whatever both sides do in whatever order, each call settles once, as the model says.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostError, isHostError } from '../../src/model/host-error.ts'
import type { CallId } from '../../src/model/ids.ts'
import { WireError } from '../../src/protocol/wire-error.ts'
import { callOf, Guest, hello, success } from './guest.ts'

type Act =
  | { do: 'execute' | 'cancel'; id: string }
  | { do: 'reload' | 'ping' | 'shutdown' | 'fail' | 'tear' }
  | { do: 'hello' | 'error' | 'heartbeat' | 'pong' | 'log' }
  | { do: 'accepted' | 'started'; ids: readonly string[] }
  | { do: 'result'; id: string; step: string }
  | { do: 'checkpoint'; id: string }
  | { do: 'garbage'; value: unknown }

const callsMax = hello.max_in_flight
const step = 's'
/** Few, so that most of what a guest says is about a call that is pending. */
const id = fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c')

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 14, arbitrary: fc.record({ do: fc.constant('execute' as const), id }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('started' as const), ids: fc.array(id, { maxLength: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('accepted' as const), ids: fc.array(id, { maxLength: 2 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('result' as const), id, step: fc.constant(step) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'checkpoint' as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('heartbeat' as const, 'pong', 'log', 'ping') }) },
  fc.record({ do: fc.constantFrom('reload' as const, 'shutdown', 'fail', 'tear', 'hello', 'error') }),
  fc.record({ do: fc.constant('result' as const), id, step: fc.constant('another') }),
  fc.record({ do: fc.constant('garbage' as const), value: fc.jsonValue() }),
)

/** What PROTOCOL.md allows, in as few words as possible. */
class Model {
  readonly calls = new Map<string, 'sent' | 'accepted' | 'started'>()
  /** Of each execute in turn: whether its results come, and where not, why. */
  readonly outcomes: string[] = []
  readonly #open = new Map<string, number>()
  reloading = false
  closed = false

  apply(next: Act): void {
    if (next.do === 'execute') this.#execute(next.id)
    else if (this.closed) return
    else if (next.do === 'reload') this.reloading = true
    else if (next.do === 'accepted' || next.do === 'started') this.#progress(next.do, next.ids)
    else if (next.do === 'result') this.#result(next.id, next.step)
    else if (['fail', 'tear', 'hello', 'error', 'garbage'].includes(next.do)) this.#close()
  }

  #execute(call: string): void {
    const refusal = this.closed ? 'closed' : this.reloading ? 'ADAPTER_STOPPED' : this.#busy(call)
    this.outcomes.push(refusal ?? 'pending')
    if (refusal !== null) return
    this.calls.set(call, 'sent')
    this.#open.set(call, this.outcomes.length - 1)
  }

  #busy(call: string): string | null {
    return this.calls.size < callsMax && !this.calls.has(call) ? null : 'RUNTIME_BUSY'
  }

  #progress(to: 'accepted' | 'started', ids: readonly string[]): void {
    for (const call of ids) {
      const from = this.calls.get(call)
      if (from === undefined || from === 'started' || from === to) {
        this.#close()
        return
      }
      this.calls.set(call, to)
    }
  }

  #result(call: string, of: string): void {
    if (this.calls.has(call) && of === step) this.#settle(call, 'results')
    else this.#close()
  }

  #settle(call: string, outcome: string): void {
    this.calls.delete(call)
    this.outcomes[this.#open.get(call) ?? -1] = outcome
  }

  #close(): void {
    this.closed = true
    for (const call of [...this.calls.keys()]) this.#settle(call, 'closed')
  }
}

/** The channel under the same acts. */
class Subject {
  readonly guest = new Guest()
  readonly settled: Promise<string>[] = []

  apply(next: Act): void {
    const { channel } = this.guest
    if (next.do === 'execute') this.settled.push(this.#outcome(next.id))
    else if (next.do === 'cancel') channel.cancel(next.id as CallId, 'timeout', 5)
    else if (next.do === 'reload') channel.reload()
    else if (next.do === 'shutdown') channel.shutdown()
    else if (next.do === 'ping') void channel.ping().catch(() => {})
    else if (next.do === 'fail') channel.fail(new HostError('RUNTIME_DIED', 'gone'))
    else if (next.do === 'tear') channel.violate(new WireError('frame_empty', 'A frame of 0 bytes.'))
    else channel.receive(messageOf(next))
  }

  async #outcome(call: string): Promise<string> {
    try {
      const results = await this.guest.execute(callOf(call, [step]))
      return results.length === 1 ? 'results' : `${results.length} results`
    } catch (error) {
      if (error === this.guest.channel.closedBy) return 'closed'
      return isHostError(error) ? error.code : `thrown: ${String(error)}`
    }
  }
}

function messageOf(said: Act): unknown {
  switch (said.do) {
    case 'accepted':
    case 'started':
      return { type: said.do, call_ids: said.ids }
    case 'result':
      return success(said.id, said.step)
    case 'checkpoint':
      return { type: 'checkpoint', call_id: said.id, step_uuid: step, checkpoint_id: 1, data: '{}' }
    case 'heartbeat':
      return { type: 'heartbeat', in_flight: 1 }
    case 'pong':
      return { type: 'pong', nonce: 1 }
    case 'log':
      return { type: 'log', step_uuid: null, stream: 'stdout', level: 'info', message: 'a line' }
    case 'error':
      return { type: 'error', code: 'bad_message', message: 'What?' }
    case 'garbage':
      return said.value
    default:
      return hello
  }
}

describe('Channel beside its model', () => {
  it('settles every call once and as the model says, closes when it says, and sends and tells nothing afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const model = new Model()
        const subject = new Subject()
        const { guest } = subject
        guest.channel.receive(hello)
        let atClose: { sent: number; heard: number } | null = null
        for (const each of acts) {
          model.apply(each)
          subject.apply(each)
          expect(guest.channel.closedBy !== null).toBe(model.closed)
          expect(guest.channel.inFlight).toBe(model.calls.size)
          if (model.closed) atClose ??= { sent: guest.sent.length, heard: guest.heard.length }
        }
        guest.channel.fail(new HostError('RUNTIME_DIED', 'end of the test'))
        const outcomes = model.outcomes.map((outcome) => (outcome === 'pending' ? 'closed' : outcome))
        expect(await Promise.all(subject.settled)).toEqual(outcomes)
        expect(guest.closes).toHaveLength(1)
        if (atClose !== null) expect({ sent: guest.sent.length, heard: guest.heard.length }).toEqual(atClose)
      }),
      { numRuns: 1000 },
    )
  })
})
