// Messages: the guest's side of the vectors is accepted or refused as they say, and what the host writes is valid.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CallId, CorrelationId } from '../../src/model/ids.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { decodePayload, encodePayload } from '../../src/protocol/codec.ts'
import { decodeGuestMessage, type HelloMessage, type ResultMessage, wireVersion } from '../../src/protocol/messages.ts'
import {
  announcedHandlers,
  announcedLoadFailures,
  announcedPublishers,
  announcedResolvers,
  announcedSubscribers,
  executeMessage,
  stepResult,
} from '../../src/protocol/step-envelope.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { loadVectors } from './vectors.ts'

interface MessageVector {
  name: string
  from: 'guest' | 'host'
  message: unknown
  error: string | null
}

const vectors = loadVectors<MessageVector>('messages')

function accepted(name: string): unknown {
  return vectors.find((vector) => vector.name === name)?.message
}

describe('decodeGuestMessage on the message vectors', () => {
  it.each(vectors.filter(({ from }) => from === 'guest'))('$name', ({ message, error }) => {
    if (error === null) expect(message).toMatchObject(withoutEmptyOptions(decodeGuestMessage(message)))
    else expect(() => decodeGuestMessage(message)).toThrowError(expect.objectContaining({ wireCode: error }))
  })

  it('reads the fields of a map, not the methods of its prototype', () => {
    expect(() => decodeGuestMessage({ type: 'pong', nonce: undefined })).toThrowError(/nonce/)
    expect(() => decodeGuestMessage(Object.create({ type: 'pong', nonce: 1 }))).toThrowError(/type/)
  })

  it('says which side to upgrade', () => {
    const hello = (protocol: number) => () => decodeGuestMessage({ type: 'hello', protocol })
    expect(hello(3)).toThrowError('The runtime speaks version 3 of the wire and this host version 2: upgrade the host.')
    expect(hello(1)).toThrowError(/upgrade the runtime\.$/)
  })
})

describe('the host side', () => {
  it('speaks the version of proto/wire/VERSION', () => {
    const version = readFileSync(new URL('../../proto/wire/VERSION', import.meta.url), 'utf8')
    expect(version.trim()).toBe(String(wireVersion))
  })

  it('writes an execute with exactly the fields of the vector, and it survives the codec', () => {
    const call = handlerCall({ callable: 'validate_order', deadlineAt: 1000 })
    const [first] = call.requests
    if (first === undefined) throw new Error('The fixture has one request.')
    const message = executeMessage(call, first, 400.4)
    expect(message.deadline_ms).toBe(600)
    expect(executeMessage(call, first, 5000).deadline_ms).toBe(0)
    const vector = accepted('execute') as { requests: object[] }
    expect(Object.keys(message).sort()).toEqual(Object.keys(vector).sort())
    expect(Object.keys(message.requests[0] ?? {}).sort()).toEqual(Object.keys(vector.requests[0] ?? {}).sort())
    expect(decodePayload(encodePayload(message))).toEqual(message)
  })

  it("makes the task's correlation the trace and the call its span, where both are UUIDs", () => {
    const call = { ...handlerCall({ callable: 'c' }), id: '0199ab12-cd34-7ef0-8123-456789abcdef' as CallId }
    const [request] = call.requests
    if (request === undefined) throw new Error('The fixture has one request.')
    const traceOf = (correlationId: string): string | null => {
      const first = { ...request, correlationId: correlationId as CorrelationId }
      return executeMessage(call, first, 0).traceparent
    }
    expect(traceOf('aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee')).toBe(
      '00-aaaaaaaabbbb4ccc8dddeeeeeeeeeeee-0199ab12cd347ef0-01',
    )
    expect(traceOf('order-17')).toBeNull()
  })

  it('turns entries into step results', () => {
    const results = (name: string): StepResult[] =>
      (decodeGuestMessage(accepted(name)) as ResultMessage).results.map(stepResult)
    expect(results('a success')).toEqual([
      { stepId: 's1', success: true, executionTimeMs: 12, metadata: '{}', result: '{"total":1.0}', outcome: null },
    ])
    expect(results('a failure')).toEqual([
      {
        stepId: 's1',
        success: false,
        executionTimeMs: 0,
        metadata: '{}',
        message: 'The card was declined.',
        errorType: 'PermanentError',
        errorCode: 'DECLINED',
        retryable: false,
        retryAfterS: null,
        backtrace: ['orders.rb:3'],
        context: '{}',
      },
    ])
    expect(results('a success that decides')).toMatchObject([
      { outcome: { kind: 'decision', document: '{"type":"create_steps","step_names":["approve"]}' } },
    ])
    expect(results('a failure that asks for a wait')).toMatchObject([{ retryable: true, retryAfterS: 30 }])
  })

  it('names the runtime in what hello announces', () => {
    const hello = decodeGuestMessage(accepted('hello'))
    if (hello.type !== 'hello') throw new Error('The vector is a hello.')
    expect(announcedHandlers(hello)).toMatchObject([
      {
        callable: 'validate_order',
        runtime: 'ruby',
        file: 'orders.rb',
        capabilities: ['batchable'],
        onCrash: 'backoff',
        dependsOn: [],
        batch: null,
      },
    ])
    expect(announcedLoadFailures(hello)).toEqual([
      { runtime: 'ruby', file: 'broken.rb', message: 'Line 3: unexpected end.' },
    ])
  })

  it('names publishers, subscribers and what a handler takes in one call', () => {
    const hello = (name: string): HelloMessage => decodeGuestMessage(accepted(name)) as HelloMessage
    const place = { runtime: 'ruby', name: 'payments', file: 'payments.rb', root: 'handlers' }
    expect(announcedPublishers(hello('hello with publishers and subscribers'))).toEqual([place])
    expect(announcedResolvers(hello('hello with publishers and subscribers'))).toEqual([
      { name: 'mine', runtime: 'ruby' },
    ])
    expect(announcedSubscribers(hello('hello with publishers and subscribers'))).toEqual([
      { ...place, patterns: ['payment.*'] },
    ])
    expect(announcedHandlers(hello('a handler with dependencies and a batch'))).toMatchObject([
      { dependsOn: ['reserve_stock'], batch: { sizeMax: 100, waitMaxMs: 50 } },
    ])
  })
})

/** The decoder writes null or an empty list for optional fields that the vector leaves out. */
function withoutEmptyOptions<Value>(value: Value): object {
  const optional = (key: string, item: unknown): boolean =>
    item === null ||
    (['depends_on', 'publishers', 'subscribers', 'resolvers'].includes(key) && (item as unknown[]).length === 0)
  return JSON.parse(JSON.stringify(value, (key, item) => (optional(key, item) ? undefined : item))) as object
}
