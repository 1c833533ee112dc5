// The same Rust handlers in a process of their own, behind the sidecar adapter, pass the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { nativeTraits } from './native-traits.ts'
import { guests, openSidecar } from './sidecar.ts'

exerciseAdapter({
  name: 'Native process',
  open: (log) => openSidecar(guests.rust, log),
  traits: { ...nativeTraits, printRoutes: ['print', 'descriptor', 'subprocess'], exits: true, dies: true },
})
