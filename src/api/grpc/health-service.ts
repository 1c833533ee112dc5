// tasker.v1.HealthService: the health of REST as calls, open to everybody. Source: orchestration-semantics §6.10, §7.

import { type HealthParts, orchestratorHealth } from '../rest/health-routes.ts'
import type { Message, Service } from './method.ts'
import { structOf, timestamp } from './protobuf-document.ts'

export function healthService(parts: HealthParts): Service {
  const health = orchestratorHealth(parts)
  const open = (answer: () => Promise<Message>) => ({ permission: null, answer })
  return {
    name: 'tasker.v1.HealthService',
    file: 'tasker/v1/health.proto',
    methods: {
      CheckHealth: open(async () => withTime(health.basic('healthy'))),
      CheckLiveness: open(async () => withTime(health.basic('alive'))),
      CheckReadiness: open(async () => withInfo(await health.ready())),
      CheckDetailedHealth: open(async () => withInfo(await health.detailed())),
    },
  }
}

function withTime<T extends { readonly timestamp: string }>(document: T) {
  return { ...document, timestamp: timestamp(document.timestamp) }
}

function withInfo<T extends { readonly timestamp: string; readonly info: object }>(document: T): Message {
  return { ...withTime(document), info: structOf(document.info) }
}
