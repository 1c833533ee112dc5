// The accessors of a step's context (handler-api §1.3).
import { describe, expect, it, vi } from 'vitest'
import { CheckpointNotStored } from '../../../runtimes/typescript/src/errors.ts'
import { StepContext } from '../../../runtimes/typescript/src/step-context.ts'
import { StepDocuments } from '../../../runtimes/typescript/src/step-documents.ts'

interface Texts {
  context?: string
  workflowStep?: string
  dependencies?: string
  initialization?: string
}

function contextOf({ context = '{}', workflowStep = '{}', dependencies = '{}', initialization = '{}' }: Texts) {
  return new StepContext({
    eventId: 'event',
    taskUuid: 'task',
    stepUuid: 'step',
    correlationId: 'correlation',
    handlerName: 'shop.charge',
    documents: new StepDocuments({
      task: `{"task":{"context":${context}},"task_name":"order"}`,
      workflowStep,
      dependencyResults: dependencies,
      stepDefinition: `{"handler":{"callable":"shop.charge","initialization":${initialization}}}`,
    }),
  })
}

describe('inputs', () => {
  it('reads fields of the task context', () => {
    const context = contextOf({ context: '{"total":5,"note":null}' })
    expect(context.inputData).toEqual({ total: 5, note: null })
    expect(context.getInput<number>('total')).toBe(5)
    expect(context.getInput('absent')).toBeUndefined()
  })

  it('keeps an explicit null and replaces only what is absent', () => {
    const context = contextOf({ context: '{"note":null}' })
    expect(context.getInputOr<string | null>('note', 'default')).toBeNull()
    expect(context.getInputOr('absent', 'default')).toBe('default')
  })

  it('lives with documents that hold null', () => {
    const context = contextOf({
      context: 'null',
      workflowStep: '{"inputs":null,"checkpoint":null}',
      initialization: 'null',
    })
    expect([context.inputData, context.stepInputs, context.stepConfig, context.checkpoint]).toEqual([{}, {}, {}, null])
  })
})

describe('dependencies', () => {
  const dependencies =
    '{"reserve":{"success":true,"result":{"items":[{"id":7}]}},"batch_1":{"result":1},"batch_2":{"result":2},"bare":[3]}'
  const context = contextOf({ dependencies })

  it('unwraps the result of an ancestor', () => {
    expect(context.getDependencyResult('reserve')).toEqual({ items: [{ id: 7 }] })
    expect(context.getDependencyResult('bare')).toEqual([3])
    expect(context.getDependencyResult('absent')).toBeNull()
    expect(context.dependencyResults['reserve']).toMatchObject({ success: true })
  })

  it('digs into it and gives null where nothing is', () => {
    expect(context.getDependencyField<number>('reserve', 'items', '0', 'id')).toBe(7)
    expect(context.getDependencyField('reserve', 'items', '9', 'id')).toBeNull()
    expect(context.getDependencyField('absent', 'id')).toBeNull()
  })

  it('collects ancestors by prefix', () => {
    expect(context.getDependencyResultKeys()).toEqual(['reserve', 'batch_1', 'batch_2', 'bare'])
    expect(context.getAllDependencyResults('batch_')).toEqual([1, 2])
  })
})

describe('attempts and checkpoints', () => {
  it.each([
    ['{}', 0, 3, false, false],
    ['{"attempts":null,"max_attempts":null}', 0, 3, false, false],
    ['{"attempts":1,"max_attempts":3}', 1, 3, true, false],
    ['{"attempts":2,"max_attempts":3}', 2, 3, true, true],
    ['{"attempts":0,"max_attempts":1}', 0, 1, false, true],
  ])('%s', (workflowStep, retryCount, maxRetries, isRetry, isLastRetry) => {
    const context = contextOf({ workflowStep })
    expect([context.retryCount, context.maxRetries]).toEqual([retryCount, maxRetries])
    expect([context.isRetry(), context.isLastRetry()]).toEqual([isRetry, isLastRetry])
  })

  it('reads a checkpoint', () => {
    const workflowStep = '{"checkpoint":{"cursor":40,"items_processed":39,"accumulated_results":{"sum":1}}}'
    const context = contextOf({ workflowStep })
    expect(context.hasCheckpoint()).toBe(true)
    expect([context.checkpointCursor, context.checkpointItemsProcessed]).toEqual([40, 39])
    expect(context.accumulatedResults).toEqual({ sum: 1 })
    expect(contextOf({}).hasCheckpoint()).toBe(false)
    expect(contextOf({}).checkpointItemsProcessed).toBe(0)
  })
})

describe('without a host', () => {
  it('records checkpoints, and says which have no JSON form', async () => {
    const context = contextOf({})
    await context.saveCheckpoint({ cursor: 7, itemsProcessed: 3, accumulatedResults: { sum: 1 } })
    expect(context.recordedCheckpoints).toEqual([{ cursor: 7, itemsProcessed: 3, accumulatedResults: { sum: 1 } }])
    const unwritable = context.saveCheckpoint({ cursor: Number.NaN, itemsProcessed: 0 })
    await expect(unwritable).rejects.toBeInstanceOf(CheckpointNotStored)
    await expect(unwritable).rejects.toThrowError('The checkpoint has no JSON form: checkpoint.cursor is NaN')
  })

  it('has no deadline and no trace, and logs to the console', () => {
    const context = contextOf({})
    expect([context.deadline, context.traceparent, context.cancelled]).toEqual([Number.POSITIVE_INFINITY, null, false])
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    context.logger.warn('low stock', { sku: 'a1' })
    expect(warn.mock.calls).toEqual([['low stock {"sku":"a1"}']])
    warn.mockRestore()
  })
})

describe('raw', () => {
  const context = contextOf({
    context: '{"total": 1.0}',
    dependencies: '{"reserve": {"result": {"price": 10.50}}}',
    workflowStep: '{"inputs": {"cursor": 1.0}}',
    initialization: '{"rate": 0.10}',
  })

  it.each([
    ['inputData.total', '1.0'],
    ['dependencyResults.reserve.result.price', '10.50'],
    ['stepInputs.cursor', '1.0'],
    ['stepConfig.rate', '0.10'],
    ['inputData', '{"total": 1.0}'],
  ])('%s is %s', (path, text) => expect(context.raw(path)?.text).toBe(text))

  it('gives null where nothing is and refuses a path that begins nowhere', () => {
    expect(context.raw('inputData.absent')).toBeNull()
    expect(() => context.raw('total')).toThrow(/must begin with one of inputData, /)
  })
})

it('is made from an event in a unit test of a handler', () => {
  const context = StepContext.fromFfiEvent(
    {
      event_id: 'e',
      task_uuid: 't',
      step_uuid: 's',
      correlation_id: 'c',
      task_sequence_step: { task: { task: { context: { total: 9007199254740993n } } } },
    },
    'shop.charge',
  )
  expect(context.getInput('total')).toBe(9007199254740993n)
  expect([context.taskUuid, context.stepUuid, context.handlerName]).toEqual(['t', 's', 'shop.charge'])
  expect(context.event).toMatchObject({ event_id: 'e', task_sequence_step: { workflow_step: {} } })
  expect(context.cancelled).toBe(false)
})
