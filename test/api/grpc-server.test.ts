// The gRPC server itself: who may call, what it tells of itself, where it listens, and how it is part of a host.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { protoPath as healthProto } from 'grpc-health-check'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { GrpcServer } from '../../src/api/grpc/grpc-server.ts'
import { type OrchestratorGrpcOptions, orchestratorGrpc } from '../../src/api/grpc/orchestrator-grpc.ts'
import { loadConfig } from '../../src/config/config.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { Host } from '../../src/host.ts'
import { type AuthSettings, authOff } from '../../src/model/auth.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'
import { GrpcClient } from './grpc-client.ts'

let bench: Bench
let orchestrator: Orchestrator
const protoRoot = join(packageRoot(), 'proto')
const auth: AuthSettings = {
  ...authOff,
  ...{ table: 'orchestration.web.auth', enabled: true },
  apiKeys: [
    { key: 'reader-key-0123456789', permissions: ['tasks:read', 'steps:read'], description: 'reader' },
    { key: 'context-key-0123456789', permissions: ['tasks:context_read'], description: 'context' },
  ],
}
const reader = { 'x-api-key': 'reader-key-0123456789' }

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterAll(() => bench.close())

async function serve(changes: Partial<OrchestratorGrpcOptions> = {}): Promise<string> {
  const server = orchestratorGrpc({
    ...{ port: 0, protoRoot, tasks: orchestrator, reads: orchestrationReads(bench.database) },
    ...{ events: { watch: () => null }, health: orchestrator, facts: {}, onFault: () => {} },
    ...changes,
  })
  await server.start()
  onTestFinished(() => server.stop())
  return server.address ?? ''
}

describe('with authentication', () => {
  it('asks every method for a credential and for its permission', async () => {
    const address = await serve({ auth })
    const tasks = await GrpcClient.open(address, 'TaskService')
    const steps = await GrpcClient.open(address, 'StepService')
    const methods = {
      tasks: ['CreateTask', 'GetTask', 'ListTasks', 'CancelTask', 'GetTaskContext', 'GetTaskSummary'],
      steps: ['GetStep', 'ListSteps', 'ResolveStep', 'GetStepAudit'],
    }
    for (const [client, names] of [
      [tasks, methods.tasks],
      [steps, methods.steps],
    ] as const) {
      for (const name of names) {
        const { code, metadata } = await client.refused(name)
        expect([name, code, metadata['x-auth-failure-reason']]).toEqual([name, 'UNAUTHENTICATED', 'missing'])
      }
    }
    expect(await tasks.stream('StreamTaskStatus', {}).ended).toMatchObject({ code: 'UNAUTHENTICATED' })
    const open = await GrpcClient.open(address, 'HealthService')
    expect((await open.call('CheckLiveness')).status).toBe('alive')
    const forbidden = await tasks.refused('CreateTask', {}, reader)
    expect(forbidden).toMatchObject({ code: 'PERMISSION_DENIED', details: 'Missing required permission: tasks:create' })
    expect(forbidden.metadata).toMatchObject({ 'x-auth-failure-severity': 'medium', 'retry-after': '5' })
    expect(await tasks.refused('GetTask', {}, { 'x-api-key': 'wrong' })).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await tasks.refused('GetTask', {}, { authorization: 'Bearer x.y.z' })).toMatchObject({
      code: 'UNAUTHENTICATED',
    })
  })

  it('lets in who has the permission', async () => {
    const tasks = await GrpcClient.open(await serve({ auth }), 'TaskService')
    const { taskId: task_uuid } = await orchestrator.createTask(request('pair'))
    expect((await tasks.call('GetTask', { task_uuid }, reader)).task_uuid).toBe(task_uuid)
    expect(await tasks.refused('GetTaskContext', { task_uuid }, reader)).toMatchObject({ code: 'PERMISSION_DENIED' })
    const context = await tasks.call('GetTaskContext', { task_uuid }, { 'x-api-key': 'context-key-0123456789' })
    expect(context.task_uuid).toBe(task_uuid)
  })
})

/** What reflection lists; the code of the refusal when it is not served. */
async function listed(address: string): Promise<unknown> {
  const root = join(packageRoot(), 'node_modules/@grpc/reflection/build/proto/grpc/reflection/v1')
  // biome-ignore lint/suspicious/noExplicitAny: made from a file at run time.
  const { grpc } = loadPackageDefinition(await load(join(root, 'reflection.proto'), { keepCase: true })) as any
  const client = new grpc.reflection.v1.ServerReflection(address, credentials.createInsecure())
  onTestFinished(() => client.close())
  const call = client.ServerReflectionInfo()
  const answer = new Promise((resolve) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    call.on('data', (data: any) => {
      const services: readonly { name: string }[] = data.list_services_response.service
      resolve(services.map(({ name }) => name).sort())
    })
    call.on('error', ({ code }: { code: number }) => resolve(code))
  })
  call.write({ list_services: '' })
  const names = await answer
  call.end()
  return names
}

async function health(address: string, service: string): Promise<unknown> {
  // biome-ignore lint/suspicious/noExplicitAny: made from a file at run time.
  const { grpc } = loadPackageDefinition(await load(healthProto, { enums: String })) as any
  const client = new grpc.health.v1.Health(address, credentials.createInsecure())
  onTestFinished(() => client.close())
  return new Promise((resolve) => {
    client.check({ service }, (error: { code: number } | null, answer: { status: string }) =>
      resolve(error === null ? answer.status : error.code),
    )
  })
}

describe('what the server tells of itself', () => {
  const ours = ['Analytics', 'Dlq', 'Health', 'Step', 'Task', 'Template'].map((name) => `tasker.v1.${name}Service`)
  const unimplemented = 12
  const notFound = 5

  it('lists its services and says that they serve, to everybody', async () => {
    const address = await serve({ auth })
    expect(await listed(address)).toEqual(['grpc.health.v1.Health', ...ours])
    for (const service of ['', ...ours]) {
      expect(await health(address, service)).toBe('SERVING')
    }
    expect(await health(address, 'tasker.v1.Other')).toBe(notFound)
  })

  it('keeps to itself what the settings switch off', async () => {
    const address = await serve({ reflection: false, probes: false })
    expect(await listed(address)).toBe(unimplemented)
    expect(await health(address, '')).toBe(unimplemented)
    expect(await listed(await serve({ probes: false }))).toEqual(ours)
  })
})

describe('the address', () => {
  const plain = { protoRoot, services: [], onFault: () => {} }

  it('is refused when it is taken or not of this machine', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    await expect(new GrpcServer({ ...plain, port }).start()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    const elsewhere = new GrpcServer({ ...plain, port: 0, host: '203.0.113.1' })
    await expect(elsewhere.start()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('is warned of where others reach it without authentication', async () => {
    const warnings: string[] = []
    const onWarning = (message: string) => warnings.push(message)
    const open = new GrpcServer({ ...plain, port: 0, host: '0.0.0.0', onWarning, auth: { ...authOff, table: 'a.b' } })
    const own = new GrpcServer({ ...plain, port: 0, onWarning })
    for (const server of [open, own]) {
      await server.start()
      await server.stop()
      expect(server.address).toBeNull()
    }
    expect(warnings).toEqual([expect.stringMatching(/0\.0\.0\.0.*without authentication.*a\.b\.enabled/)])
  })
})

describe('a host with an orchestrator', () => {
  it('serves gRPC as configured, with the credentials of REST, and ends it with itself', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stephost-grpc-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'site.toml')
    const key = 'reader-key-0123456789'
    const auth = `[orchestration.web.auth]\nenabled = true\napi_key = "${key}"`
    writeFileSync(file, `[orchestration.web]\nenabled = false\n${auth}`)
    const environment = { DATABASE_URL: bench.url, TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0' }
    const say = () => {}
    const host = new Host({
      config: loadConfig({ environment, file }),
      log: { info: say, warn: say, error: say, handler: say },
      ...{ handlerRoots: [], databaseUrl: bench.url, strict: false, dataDir: directory },
      parts: { worker: false, orchestrator: true, rest: true },
    })
    onTestFinished(() => host.stop())
    await host.start()
    expect(host.addresses()).toMatchObject({ orchestrator: null, grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
    const tasks = await GrpcClient.open(host.addresses().grpc ?? '', 'TaskService')
    expect(await tasks.refused('ListTasks')).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await tasks.call('ListTasks', {}, { 'x-api-key': key })).pagination.page).toBe(1)
    await host.stop()
    expect(await tasks.refused('ListTasks', {}, { 'x-api-key': key })).toMatchObject({ code: 'UNAVAILABLE' })
  })
})
