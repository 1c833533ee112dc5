// pgmq in the database of the steps.
import { exerciseTransport } from './transport-conformance.ts'
import { oneDatabase, TransportRig } from './transport-rig.ts'

exerciseTransport({ name: 'pgmq', open: () => TransportRig.open(oneDatabase), sendsInside: true })
