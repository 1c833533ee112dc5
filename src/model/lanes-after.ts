// What is left of a claim's room once some steps of it are claimed: for one claim that looks into several queues, or further into one.

import type { ClaimLane, ClaimRequest } from './claim-source.ts'
import type { ClaimedStep } from './step-request.ts'

/** Each step takes from what may start as long as that is enough, and then from what may wait. */
export function requestAfter(request: ClaimRequest, steps: readonly ClaimedStep[]): ClaimRequest {
  const { lanes } = request
  if (steps.length === 0) return request
  if (lanes === null || lanes === undefined) {
    const free = request.free - steps.length
    return { ...request, free: Math.max(0, free), prefetch: request.prefetch + Math.min(0, free) }
  }
  let { free, prefetch } = request
  const handlers = [...lanes.handlers]
  const languages = [...lanes.languages]
  const namespaces = new Map(lanes.namespaces)
  const places = new Map(request.runnable.map((step, index) => [keyOf(step), lanes.places[index]]))
  for (const step of steps) {
    const place = places.get(keyOf(step))
    const weight = place?.weight ?? 1
    if (free >= weight) free -= weight
    else prefetch -= 1
    take(handlers, place?.handler ?? null, 1)
    take(languages, place?.language ?? null, place?.languageWeight ?? 1)
    const namespace = namespaces.get(step.namespace)
    if (namespace !== undefined) namespaces.set(step.namespace, less(namespace, place?.namespaceWeight ?? 1))
  }
  return { ...request, free, prefetch: Math.max(0, prefetch), lanes: { ...lanes, handlers, languages, namespaces } }
}

/** Where there are no limits: a step stayed for want of a token, its last attempt for instance, which is not claimed ahead. It weighs 1. */
export function lightStepWaits(request: ClaimRequest, steps: readonly ClaimedStep[], isLeft: boolean): number | null {
  return isLeft && requestAfter(request, steps).free === 0 ? 1 : null
}

function take(lanes: ClaimLane[], index: number | null, weight: number): void {
  const lane = index === null ? undefined : lanes[index]
  if (index !== null && lane !== undefined) lanes[index] = less(lane, weight)
}

function less({ room, ahead }: ClaimLane, weight: number): ClaimLane {
  return room >= weight ? { room: room - weight, ahead } : { room, ahead: Math.max(0, ahead - weight) }
}

function keyOf({ namedTaskId, templateStep }: { namedTaskId: string; templateStep: string }): string {
  return `${namedTaskId} ${templateStep}`
}
