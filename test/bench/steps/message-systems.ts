// Which systems take part where messages come one by one.
import type { Bench, Workload } from './bench-options.ts'
import type { MessageSystem } from './message-system.ts'
import { ourMessages } from './our-messages.ts'
import { peerMessages } from './peer-messages.ts'
import { peersIn } from './peers.ts'

export function messageSystems({ options }: Bench, workload: Workload): readonly MessageSystem[] {
  return [ourMessages, ...peersIn(options, workload).map(peerMessages)]
}
